// The pages of the demo site: fragments of HTML in one frame.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { demos } from "../demo/gallery.ts";
import { siteLinks } from "../edge/site-links.ts";
import { projectFolder } from "./wrangler.ts";

/** The fragments. */
const sources = join(projectFolder, "src", "demo");
/** The first line of a fragment's include. */
const include = /^( *)<!-- part ([\w-]+) -->$/gm;
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%230f766e'/%3E%3Cpath d='M5 12V4h3.5a2.5 2.5 0 0 1 0 5H5' fill='none' stroke='%23fff' stroke-width='1.8'/%3E%3C/svg%3E";

/** What a page of the site needs besides its content. */
interface Frame {
  title: string;
  description: string;
  /** The names of its style sheets, after `site.css`. */
  styles: readonly string[];
  /** The names of its modules. */
  scripts: readonly string[];
  /** The names of classic scripts that run before them. */
  libraries?: readonly string[];
  /** The `href` of the link that leads to the page or to its part of the site. */
  current?: string;
  /** What the header has instead of the links of the site. */
  header?: string;
  /** What is between the header of the site and the content. */
  before?: string;
  content: string;
}

/** A whole page. */
export function pageOf({
  title,
  description,
  styles,
  scripts,
  libraries = [],
  current,
  header = linksOf(current),
  before = "",
  content,
}: Frame): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="description" content="${escaped(description)}" />
    <title>${escaped(title)}</title>
    <link rel="icon" href="${icon}" />
    ${["site.css", ...styles].map((name) => `<link rel="stylesheet" href="/${name}" />`).join("\n    ")}
    ${libraries.map((name) => `<script src="/${name}" defer></script>`).join("\n    ")}
    ${scripts.map((name) => `<script type="module" src="/${name}"></script>`).join("\n    ")}
  </head>
  <body>
    <header class="site">
      <a class="skip" href="#main">To the content</a>
      <a class="brand" href="/"><img src="${icon}" width="20" height="20" alt="" />Partita</a>
      ${header}
    </header>
${before}    <main id="main" tabindex="-1">
${content}
    </main>
  </body>
</html>
`;
}

function linksOf(current: string | undefined): string {
  const items = siteLinks.map(
    ({ href, text }) => `<a href="${href}"${href === current ? ' aria-current="true"' : ""}>${text}</a>`,
  );
  return `<nav aria-label="Site">${items.join("")}</nav>`;
}

/** The landing page and the pages of the demos, by file name. */
export function demoPages(): Map<string, string> {
  const home = pageOf({
    title: "Partita: build apps that people use together",
    description: "The server and the client library behind shared boards, bookings and account books.",
    styles: ["home.css", "seats.css"],
    scripts: ["home.js"],
    content: fragment("home").replace("<!-- gallery -->", () => demos.map(cardOf).join("\n")),
  });
  const pages = demos.map(({ name, title, about }): [string, string] => [
    `${name}.html`,
    pageOf({
      title: `${title}: a demo of Partita`,
      description: about,
      styles: ["style.css", "demos.css", "seats.css"],
      scripts: [`${name}.js`],
      current: "/#demos",
      before: demoLinks(name),
      content: fragment(name),
    }),
  ]);
  const api = pageOf({
    title: "HTTP API of Partita",
    description: "Every operation over HTTP, to read and to try.",
    styles: ["swagger-ui.css", "api.css"],
    scripts: ["api.js"],
    libraries: ["swagger-ui-bundle.js"],
    current: "/api",
    content: fragment("api"),
  });
  return new Map([["index.html", home], ...pages, ["api.html", api]]);
}

/** The text of a fragment, with the parts that it includes. */
function fragment(name: string): string {
  const text = readFileSync(join(sources, `${name}.html`), "utf8").trimEnd();
  return text.replaceAll(include, (_, indent: string, part: string) =>
    fragment(join("parts", part)).replaceAll(/^(?=.)/gm, indent),
  );
}

function demoLinks(current: string): string {
  const items = demos.map(
    ({ name, title }) => `<a href="/${name}"${name === current ? ' aria-current="page"' : ""}>${title}</a>`,
  );
  return `    <nav class="demos" aria-label="Demos">${items.join("")}</nav>\n`;
}

function cardOf({ name, title, about, drawing }: (typeof demos)[number]): string {
  return `<li><a href="/${name}"><svg viewBox="0 0 64 40" aria-hidden="true">${drawing}</svg><strong>${title}</strong><span>${about}</span></a></li>`;
}

/** A text as the content of an element or of an attribute. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
