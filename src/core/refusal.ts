import { bounds, type Failure, type TracedFailure } from "../protocol/index.ts";
import type { Ports } from "./ports.ts";

/** Thrown to end a request with a failure. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** Texts can hold what a client has sent, as long as a frame: they are cut, because failures are stored and sent again. */
function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax).toWellFormed()}…`;
}

function boundedTexts(failure: Failure): Failure {
  const { errors, detail } = failure;
  const bounded = { ...failure, detail: cut(detail, bounds.detailLengthMax) };
  if (!errors) return bounded;
  bounded.errors = errors.map(({ field, code, message }) => ({
    field: cut(field, bounds.violationFieldLengthMax),
    code,
    message: cut(message, bounds.violationMessageLengthMax),
  }));
  return bounded;
}

/** A failure as it is answered: under this trace id, or a new one. */
export function traceFailure(
  failure: Failure,
  { ports, now }: { readonly ports: Ports; readonly now: number },
  traceId = ports.random.traceId(),
): TracedFailure {
  return { ...boundedTexts(failure), traceId, timestamp: now };
}
