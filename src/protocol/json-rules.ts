import { draftBounds } from "./draft-bounds.ts";
import { forbiddenKeys } from "./json.ts";

/** Why a part of a frame is refused: the `code` and the `message` of a `Violation`. */
export type Refused = readonly [code: string, message: string];

// What JSON allows but no code should have to handle. The server reads text by these rules, and a client judges values by them.

export const tooDeep: Refused = ["too_deep", `Nesting deeper than ${draftBounds.jsonDepthMax} levels is not taken.`];

export function refusedKey(key: string): Refused | undefined {
  if (forbiddenKeys.has(key)) return ["forbidden_key", `"${key}" cannot be a key.`];
  return key.isWellFormed() ? undefined : ["lone_surrogate", "A key must be well-formed Unicode."];
}

export function refusedString(text: string): Refused | undefined {
  return text.isWellFormed()
    ? undefined
    : ["lone_surrogate", "A string must be well-formed Unicode: half of a surrogate pair is missing."];
}

/** Of a finite number. */
export function refusedNumber(value: number): Refused | undefined {
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? ["number_out_of_range", "An integer must be within ±(2^53 - 1); send larger ones as strings."]
    : undefined;
}
