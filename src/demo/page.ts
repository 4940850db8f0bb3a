/** The element with `data-part="name"` in a page or in a copy of a template. */
export function part(within: ParentNode, name: string): HTMLElement;
export function part<T extends HTMLElement>(within: ParentNode, name: string, type: new () => T): T;
export function part(within: ParentNode, name: string, type: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = within.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof type)) throw new Error(`the page has no part "${name}"`);
  return element;
}

/** Shows a text, and changes the document only if the text differs; "" hides the element. */
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

/** Returns a function that runs `draw` in the next frame: once, even if it is called several times before. */
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
