// The documentation as pages of the site: docs/**/*.md, rendered, with contents, links and a search index.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import MiniSearch from "minisearch";
import { searchOptions } from "../../demo/search.ts";
import { escaped, pageOf } from "../pages.ts";
import { projectFolder } from "../wrangler.ts";
import { contentsOf } from "./contents.ts";
import { render } from "./markdown.ts";

const sources = join(projectFolder, "docs");
/** The page at `/docs/`. */
const first = "guide/README";
/** Headings of these levels are in the list of a page. */
const listedLevels = new Set([2, 3]);

/** The documentation, built. */
interface DocsSite {
  /** By path below the site's folder. */
  files: Map<string, Buffer>;
  /** Links that lead nowhere, as `page: link`. */
  deadLinks: string[];
}

/** Builds all pages. Takes about half a second. */
export function buildDocs(): DocsSite {
  const paths = filesBelow(sources);
  const pages = paths.filter((path) => path.endsWith(".md")).map((path) => path.slice(0, -".md".length));
  const deadLinks: string[] = [];
  /** Links to a part of a page, which are checked when all pages are rendered. */
  const parts: { from: string; href: string; page: string; id: string }[] = [];

  const linkFrom =
    (from: string) =>
    (href: string): string | undefined => {
      if (/^[a-z]+:/.test(href)) return href;
      const [path = "", id = ""] = href.split("#");
      const target = path === "" ? `${from}.md` : posix.normalize(posix.join(posix.dirname(from), path));
      if (target.startsWith("../")) {
        if (!existsSync(join(sources, target))) deadLinks.push(`${from}: ${href}`);
        return undefined;
      }
      if (!paths.includes(target)) {
        deadLinks.push(`${from}: ${href}`);
        return undefined;
      }
      if (!target.endsWith(".md")) return `/docs/${target}`;
      const page = target.slice(0, -".md".length);
      if (id !== "") parts.push({ from, href, page, id });
      return `${addressOf(page)}${id === "" ? "" : `#${id}`}`;
    };
  const rendered = new Map(
    pages.map((page) => [page, render(readFileSync(join(sources, `${page}.md`), "utf8"), linkFrom(page))]),
  );
  for (const { from, href, page, id } of parts) {
    const { html, sections } = rendered.get(page)!;
    const has = (part: string) => sections.some((section) => section.id === part) || html.includes(`id="${part}"`);
    if (has(id)) continue;
    // The generator of the API reference numbers some headings that it writes once.
    const once = id.replace(/-\d+$/, "");
    const source = rendered.get(from)!;
    if (has(once)) source.html = source.html.replaceAll(`#${id}"`, `#${once}"`);
    else deadLinks.push(`${from}: ${href}`);
  }

  const groups = contentsOf(pages);
  const order = groups.flatMap((group) => group.pages);
  const titleOf = (page: string) => rendered.get(page)!.title;
  const files = new Map<string, Buffer>();
  const index = new MiniSearch(searchOptions);
  for (const [at, page] of order.entries()) {
    const { html, title, lead, sections } = rendered.get(page)!;
    const near = [order[at - 1], order[at + 1]].map((other, side) =>
      other === undefined
        ? "<span></span>"
        : `<a href="${addressOf(other)}" rel="${side === 0 ? "prev" : "next"}">${escaped(titleOf(other))}</a>`,
    );
    const listed = sections.slice(1).filter(({ level }) => listedLevels.has(level));
    const content = `<article>${html}<nav class="near" aria-label="Neighbouring pages">${near.join("")}</nav></article>
${listed.length > 1 ? listOf(listed) : ""}`;
    const file = `docs/${page === first ? "index" : page.replace(/README$/, "index")}.html`;
    const frame = {
      title: `${title} · Partita`,
      description: lead.slice(0, 200),
      styles: ["docs.css"],
      scripts: ["docs.js"],
      current: page === "BENCHMARKS" ? "/docs/BENCHMARKS" : "/docs/",
      content,
      before: contentsHtml(groups, page, titleOf),
    };
    files.set(file, Buffer.from(pageOf(frame)));
    for (const { id, heading, text } of sections) {
      index.add({ id: `${addressOf(page)}#${id}`, page: title, heading, text });
    }
  }
  for (const path of paths) {
    if (!path.endsWith(".md")) files.set(`docs/${path}`, readFileSync(join(sources, path)));
  }
  files.set("docs/search.json", Buffer.from(JSON.stringify(index)));
  return { files, deadLinks };
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name }) =>
    join(parentPath, name)
      .slice(folder.length + 1)
      .replaceAll("\\", "/"),
  );
}

/** The address of a page. */
function addressOf(page: string): string {
  return page === first ? "/docs/" : `/docs/${page.replace(/README$/, "")}`;
}

function listOf(sections: readonly { level: number; id: string; heading: string }[]): string {
  const items = sections.map(
    ({ level, id, heading }) => `<li class="level-${level}"><a href="#${id}">${escaped(heading)}</a></li>`,
  );
  return `<nav class="parts" aria-label="On this page"><ul>${items.join("")}</ul></nav>`;
}

function contentsHtml(
  groups: readonly { group: string; pages: readonly string[] }[],
  current: string,
  titleOf: (page: string) => string,
): string {
  const lists = groups.map(({ group, pages }) => {
    const items = pages.map(
      (page) =>
        `<li><a href="${addressOf(page)}"${page === current ? ' aria-current="page"' : ""}>${escaped(titleOf(page))}</a></li>`,
    );
    // Long lists are closed where the page is not one of them.
    const open = pages.includes(current) || pages.length < 25 ? " open" : "";
    return `<details${open}><summary>${group}</summary><ul>${items.join("")}</ul></details>`;
  });
  return `    <div class="search" role="search">
      <label for="search">Search the documentation</label>
      <input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="Search" />
      <p class="found" role="status"></p>
      <ol class="results" hidden></ol>
      <a class="to-pages" href="#pages">All pages</a>
    </div>
    <nav class="pages" id="pages" aria-label="Pages">${lists.join("")}</nav>
`;
}
