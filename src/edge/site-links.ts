/** The links of every page of the site, in their order. */
export const siteLinks = [
  { href: "/#demos", text: "Demos" },
  { href: "/docs/", text: "Guide" },
  { href: "/api", text: "API" },
  { href: "/console", text: "Console" },
  { href: "/docs/BENCHMARKS", text: "Benchmarks" },
] as const;
