import type { Json } from "./json.ts";

/**
 * JSON text with sorted keys and no spaces: equal values give equal text. Keys are compared as
 * UTF-16, as RFC 8785 does; numbers and strings are as `JSON.stringify` writes them, which is
 * also what RFC 8785 prescribes. `undefined` properties are left out.
 */
export function canonicalJson(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(",")}}`;
}
