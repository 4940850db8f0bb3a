import type * as z from "zod/mini";

/** What zod says where the application has loaded none of its languages, as with `zod/mini`. */
const unsaid = "Invalid input";

/** What the kinds of issues have beside their codes. */
interface Expectation {
  message: string;
  expected?: string;
  values?: readonly unknown[];
  format?: string;
  pattern?: string;
  divisor?: number | bigint;
  origin?: string;
  inclusive?: boolean;
  minimum?: number | bigint;
  maximum?: number | bigint;
}

/** The message of an issue: that of the schema or of zod's language; else what was expected. */
export function messageOf(issue: z.core.$ZodIssue): string {
  const { message, expected, values, format, pattern, divisor, origin, inclusive, minimum, maximum } =
    issue as Expectation;
  if (message !== unsaid) return message;
  const bound = (sign: string, at: unknown) =>
    at !== undefined && `${origin} of ${sign}${inclusive ? "=" : ""} ${String(at)}`;
  const said =
    expected ||
    values?.join(" or ") ||
    (format === "regex" ? pattern : format) ||
    (divisor && `a multiple of ${divisor}`) ||
    bound(">", minimum) ||
    bound("<", maximum);
  return said ? `${message}: expected ${said}` : message;
}
