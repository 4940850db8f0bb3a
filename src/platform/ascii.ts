/** JSON that can be the value of a header: what is beyond ASCII is escaped. The runtime would send it, but log it whole. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
