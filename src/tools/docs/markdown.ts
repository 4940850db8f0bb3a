import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import ini from "highlight.js/lib/languages/ini";
import json from "highlight.js/lib/languages/json";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import MarkdownIt from "markdown-it";
import type { Token } from "markdown-it/index.js";

/** The languages of code blocks, by the names that the pages use. */
const languages = { sh: bash, toml: ini, json, ts: typescript, tsx: typescript, js: typescript, html: xml };
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);

/** A heading, and the text below it up to the next one. */
interface Section {
  level: number;
  id: string;
  heading: string;
  text: string;
}

/** A page as HTML. */
interface Rendered {
  html: string;
  /** The first heading. */
  title: string;
  /** The first paragraph, as text. */
  lead: string;
  sections: Section[];
}

const markdown = new MarkdownIt({
  html: true,
  highlight: (code, name) => (hljs.getLanguage(name) ? hljs.highlight(code, { language: name }).value : ""),
});
// A wide table scrolls by itself, also by keyboard.
markdown.renderer.rules["table_open"] = () => '<div class="table" role="group" aria-label="Table" tabindex="0"><table>';
markdown.renderer.rules["table_close"] = () => "</table></div>";
const fence = markdown.renderer.rules["fence"]!;
markdown.renderer.rules["fence"] = (...given) => fence(...given).replace("<pre>", '<pre tabindex="0">');
// So does a drawing, whose words would be too small on a phone.
const image = markdown.renderer.rules["image"]!;
markdown.renderer.rules["image"] = (...given) => {
  const html = image(...given);
  return html.includes('.svg"') ? `<span class="drawing" tabindex="0">${html}</span>` : html;
};

/** The id of a heading, as GitHub makes it. */
export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

/** Renders a page. `linkTo` returns the address of a link or an image of it; undefined: it is no link here. */
export function render(text: string, linkTo: (href: string) => string | undefined): Rendered {
  const tokens = markdown.parse(text.replaceAll(/<!--.*?-->/gs, ""), {});
  const sections: Section[] = [];
  const taken = new Map<string, number>();
  let lead = "";
  for (const [at, token] of tokens.entries()) {
    if (token.type === "heading_open") {
      const heading = plain(tokens[at + 1]!);
      const slug = slugOf(heading);
      const count = taken.get(slug) ?? 0;
      taken.set(slug, count + 1);
      const id = count === 0 ? slug : `${slug}-${count}`;
      token.attrSet("id", id);
      sections.push({ level: Number(token.tag.slice(1)), id, heading, text: "" });
    } else if (token.type === "inline" && tokens[at - 1]!.type !== "heading_open") {
      const section = sections.at(-1);
      if (section) section.text += `${plain(token)} `;
      if (lead === "" && tokens[at - 1]!.type === "paragraph_open") lead = plain(token);
    }
    for (const child of token.children ?? []) follow(child, linkTo);
  }
  return {
    html: markdown.renderer.render(tokens, markdown.options, {}),
    title: sections[0]?.heading ?? "",
    lead,
    sections,
  };
}

function plain({ children, content }: Token): string {
  if (!children) return content;
  return children.map(({ type, content: text }) => (type === "softbreak" ? " " : text)).join("");
}

function follow(token: Token, linkTo: (href: string) => string | undefined): void {
  const name = token.type === "link_open" ? "href" : token.type === "image" ? "src" : undefined;
  if (name === undefined) return;
  const address = linkTo(String(token.attrGet(name)));
  if (address !== undefined) token.attrSet(name, address);
  // Without an address it is a text. What it names is in the repository only.
  else token.attrs = [["title", String(token.attrGet(name)).replace(/^(\.\.\/)+/, "")]];
}
