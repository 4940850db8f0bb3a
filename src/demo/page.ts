/** The element of a page or a template's copy that is marked `data-part="name"`. */
export function part(within: ParentNode, name: string): HTMLElement;
export function part<T extends HTMLElement>(within: ParentNode, name: string, type: new () => T): T;
export function part(within: ParentNode, name: string, type: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = within.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof type)) throw new Error(`the page has no part "${name}"`);
  return element;
}

/** Shows a text, touching the document only where it is another one; "" hides the element. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}

/** A new element with a class and a text. */
export function create<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  text = "",
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** One of the page's symbols; `use.setAttribute("href", …)` changes it. */
export function createIcon(className: string, symbol = ""): { svg: SVGElement; use: SVGUseElement } {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", symbol);
  svg.append(use);
  return { svg, use };
}

const numbers = new Intl.NumberFormat("en");

export function grouped(number: number): string {
  return numbers.format(number);
}

export function counted(number: number, noun: string): string {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A function that has `draw` run in the next frame: once, however often it is called until then. */
export function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
