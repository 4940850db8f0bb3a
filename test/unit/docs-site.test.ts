import MiniSearch from "minisearch";
import { describe, expect, it } from "vitest";
import { type FoundSection, searchOptions } from "../../src/demo/search.ts";
import { contentsOf } from "../../src/tools/docs/contents.ts";
import { render, slugOf } from "../../src/tools/docs/markdown.ts";
import { buildDocs } from "../../src/tools/docs/site.ts";

describe("the documentation site", () => {
  const { files, deadLinks } = buildDocs();
  const page = (path: string) => files.get(`docs/${path}.html`)!.toString();

  it("[EC-7] has no link that leads nowhere, and loads nothing from elsewhere", () => {
    expect(deadLinks).toEqual([]);
    for (const [path, contents] of files) {
      if (!path.endsWith(".html")) continue;
      const html = contents.toString();
      expect([path, ...html.matchAll(/<(?:script|link|img)[^>]+(?:src|href)="(?!\/|data:)[^"]*"/g)]).toEqual([path]);
      // The content security policy allows no inline script and no inline style.
      expect([path, /<script(?![^>]+src=)|<style|\sstyle="/.test(html)]).toEqual([path, false]);
    }
  });

  it("[EC-7] has a page for each document, with links to the others that work without the repository", () => {
    expect(page("index")).toContain('<a href="/docs/guide/quick-start">Quick start</a>');
    expect(page("guide/quick-start")).toContain('href="/docs/PROTOCOL#8-insieme-events"');
    expect(page("PROTOCOL")).toContain('id="8-insieme-events"');
    expect(page("guide/errors")).not.toContain("prelude");
    expect(files.has("docs/images/client-states.svg")).toBe(true);
    expect(page("ARCHITECTURE")).toContain('src="/docs/images/client-states.svg"'.replace("src", "href"));
  });

  it("[EC-7] finds how something is done before why it was built so", () => {
    const index = MiniSearch.loadJSON<FoundSection>(files.get("docs/search.json")!.toString(), searchOptions);
    for (const asked of ["timer", "webhook", "batch"])
      expect([asked, index.search(asked)[0]?.id]).toEqual([asked, expect.stringMatching("^/docs/guide/")]);
  });

  it("[EC-7] lists a page that nobody has given a place", () => {
    const groups = contentsOf(["guide/README", "guide/new", "decisions/0001", "OTHER"]);
    expect(groups.filter(({ pages }) => pages.length > 0)).toEqual([
      { group: "Start", pages: ["guide/README"] },
      { group: "Build", pages: ["guide/new"] },
      { group: "Reference", pages: ["OTHER"] },
      { group: "Decisions", pages: ["decisions/0001"] },
    ]);
  });

  it("[EC-7] finds dead links, to pages, parts and files", () => {
    const asked: string[] = [];
    const { html, sections } = render("# A title\n\ntext [a](x.md#y) [b](../no)\n\n## A title\n", (href) => {
      asked.push(href);
      return href.startsWith("x") ? "/x#y" : undefined;
    });
    expect(asked).toEqual(["x.md#y", "../no"]);
    expect(html).toContain('<a href="/x#y">a</a> <a title="no">b</a>');
    expect(sections.map(({ id }) => id)).toEqual(["a-title", "a-title-1"]);
    expect(slugOf("`a` & b, 7.2 c")).toBe("a--b-72-c");
  });
});
