/** The pages of the documentation in the order in which they are read: paths below `docs`, without `.md`. */
const contents: readonly { group: string; pages: readonly string[] }[] = [
  {
    group: "Start",
    pages: [
      "guide/README",
      "guide/quick-start",
      "guide/frameworks",
      "guide/own-model",
      "guide/comparison",
      "guide/from-insieme",
    ],
  },
  {
    group: "Build",
    pages: [
      "guide/cookbook",
      "guide/react",
      "guide/ssr",
      "guide/offline",
      "guide/errors",
      "guide/undo-and-presence",
      "guide/users",
      "guide/auth-providers",
      "guide/sharing",
      "guide/networks",
      "guide/testing",
      "guide/effects",
      "guide/webhooks",
      "guide/sagas",
      "guide/features",
      "guide/server-code",
      "guide/parts",
      "guide/own-store",
    ],
  },
  { group: "Models", pages: ["guide/inventory", "guide/ledger", "guide/jobs", "guide/text", "guide/insieme"] },
  {
    group: "Run",
    pages: [
      "guide/limits",
      "guide/bounds",
      "guide/console",
      "guide/cli",
      "guide/standalone",
      "guide/rollout",
      "guide/incidents",
      "guide/logs",
      "guide/headers",
      "PRODUCTION",
      "SECURITY",
      "BENCHMARKS",
    ],
  },
  { group: "Reference", pages: ["api/README", "PROTOCOL", "REQUIREMENTS", "ARCHITECTURE"] },
];

/** Where pages are listed that have no place above, by the folder that they are in. */
const groupOfFolder: Readonly<Record<string, string>> = { guide: "Build", api: "Reference", decisions: "Decisions" };

/** All pages by group; what the list above does not name comes at the end of its group. */
export function contentsOf(paths: readonly string[]): { group: string; pages: string[] }[] {
  const groups = new Map(contents.map(({ group, pages }) => [group, pages.filter((page) => paths.includes(page))]));
  const listed = new Set([...groups.values()].flat());
  for (const path of paths.toSorted()) {
    if (listed.has(path)) continue;
    const group = groupOfFolder[path.split("/")[0]!] ?? "Reference";
    groups.set(group, [...(groups.get(group) ?? []), path]);
  }
  return [...groups].map(([group, pages]) => ({ group, pages }));
}
