/**
 * The element of a template's copy that is marked `data-part="name"`.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {ParentNode} within
 * @param {string} name
 * @param {new () => T} [type]
 * @returns {T}
 */
export function part(within, name, type) {
  const element = within.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof (type ?? HTMLElement))) throw new Error(`the page has no part "${name}"`);
  return /** @type {T} */ (element);
}

const numbers = new Intl.NumberFormat("en");

/** @param {number} number */
export function grouped(number) {
  return numbers.format(number);
}

/** @param {number} number @param {string} noun */
export function counted(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * A function that has `draw` run in the next frame: once, however often it is called until then.
 *
 * @param {() => void} draw
 */
export function oncePerFrame(draw) {
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
