import type * as z from "zod/mini";
import { formatPath } from "./json.ts";
import { draftBounds } from "./draft-bounds.ts";
import type { Violation } from "./scan.ts";

/** The code of every violation of a schema, as in the Insieme design. */
export const schemaError = "SCHEMA_ERROR";

/**
 * The issues that zod found, as violations: one per unknown key, at most `draftBounds.violationsMax`.
 * `under` is put before each path; `code` replaces zod's own code where the caller has one; `say` replaces zod's message.
 */
export function violationsOf(
  issues: readonly z.core.$ZodIssue[],
  under: readonly PropertyKey[] = [],
  code?: string,
  say?: (issue: z.core.$ZodIssue) => string,
): Violation[] {
  const violations: Violation[] = [];
  for (const issue of issues) {
    if (violations.length >= draftBounds.violationsMax) break;
    const path = [...under, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys.slice(0, draftBounds.violationsMax)) {
        violations.push({
          field: formatPath([...path, key]),
          code: code ?? "unknown_field",
          message: "This field is not known here.",
        });
      }
    } else {
      violations.push({ field: formatPath(path), code: code ?? issue.code, message: say?.(issue) ?? issue.message });
    }
  }
  return violations.slice(0, draftBounds.violationsMax);
}
