// The search of the documentation. The index is loaded when the field gets the focus.
import MiniSearch from "minisearch";
import { create, say } from "./page.ts";
import { type FoundSection, searchOptions } from "./search.ts";

/** The most results. */
const resultsMax = 12;

const field = document.querySelector<HTMLInputElement>("#search")!;
const found = document.querySelector<HTMLElement>(".found")!;
const list = document.querySelector<HTMLElement>(".results")!;
let loading: Promise<MiniSearch<FoundSection>> | undefined;

async function load(): Promise<MiniSearch<FoundSection>> {
  const response = await fetch("/docs/search.json");
  return MiniSearch.loadJSON<FoundSection>(await response.text(), searchOptions);
}

async function search(): Promise<void> {
  const asked = field.value.trim();
  if (asked === "") {
    show([]);
    say(found, "");
    return;
  }
  loading ??= load();
  const index = await loading;
  if (asked !== field.value.trim()) return;
  const results = index.search(asked);
  show(results.slice(0, resultsMax) as unknown as FoundSection[]);
  say(found, results.length === 0 ? `Nothing about “${asked}”.` : `${results.length} places`);
}

function show(results: readonly FoundSection[]): void {
  list.replaceChildren(
    ...results.map(({ id, page, heading }) => {
      const link = create("a", "", heading);
      link.href = id;
      if (page !== heading) link.append(create("small", "", page));
      const item = document.createElement("li");
      item.append(link);
      return item;
    }),
  );
  list.hidden = results.length === 0;
}

/** Arrow keys walk from the field through the results; Escape closes them. */
function walk(event: KeyboardEvent): void {
  const links = [...list.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement as HTMLAnchorElement);
  if (event.key === "Escape") {
    field.value = "";
    void search();
    field.focus();
  } else if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
  else if (event.key === "ArrowUp") (links[at - 1] ?? field).focus();
  else if (event.key === "Enter" && at < 0) links[0]?.click();
  else return;
  event.preventDefault();
}

field.addEventListener("focus", () => (loading ??= load()), { once: true });
field.addEventListener("input", () => void search());
document.querySelector(".search")!.addEventListener("keydown", (event) => walk(event as KeyboardEvent));
