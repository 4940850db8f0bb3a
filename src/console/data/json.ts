// What is shown of JSON values.

/** Characters of a value in a row. */
const previewLengthMax = 160;

/** A value as text, cut after about `max` characters. It does not visit more than it shows. */
export function previewOf(value: unknown, max = previewLengthMax): string {
  const parts: string[] = [];
  let left = max;
  const put = (text: string): void => {
    parts.push(text);
    left -= text.length;
  };
  const visit = (each: unknown): void => {
    if (left <= 0) return;
    if (typeof each === "string") {
      put(JSON.stringify(each.length > left ? `${each.slice(0, left)}…` : each));
    } else if (Array.isArray(each)) {
      put("[");
      for (const [at, member] of each.entries()) {
        if (left <= 0) break;
        if (at > 0) put(", ");
        visit(member);
      }
      put("]");
    } else if (typeof each === "object" && each !== null) {
      put("{");
      let first = true;
      for (const key in each) {
        if (left <= 0) break;
        put(`${first ? "" : ", "}${key}: `);
        visit((each as Record<string, unknown>)[key]);
        first = false;
      }
      put("}");
    } else put(String(each));
  };
  visit(value);
  const text = parts.join("");
  return text.length > max ? `${text.slice(0, max)}…` : text;
}
