import { single, type Submission } from "../core/index.ts";
import {
  batchShape,
  violationsOf,
  type Failure,
  isId,
  isJsonObject,
  type JsonObject,
  parseJson,
} from "../protocol/index.ts";
import { readText } from "./body.ts";
import type { Part } from "./part.ts";
import { headers } from "../protocol/headers.ts";

/** The submission of a `POST /events`, and the bytes of its body. */
interface Posted {
  submission: Submission;
  bytes: number;
}

const cannotCheck: Failure = {
  code: "not_configured",
  detail:
    'Submissions have to be signed here, and this Worker cannot check signatures: it needs the part "signedRequests".',
};

/**
 * Reads a draft, or a batch, from the body and the `Idempotency-Key` of a `POST /events`.
 * `signingSecret`: the request must be signed with it, which `signatureFailure` checks; undefined: no signature is required.
 */
export async function readSubmission(
  request: Request,
  signingSecret: string | undefined,
  signatureFailure: Part["signatureFailure"],
): Promise<Posted | Failure> {
  const key = request.headers.get(headers.idempotencyKey.name);
  if (!isId(key)) {
    return {
      code: "bad_request",
      detail:
        "Send an Idempotency-Key of 1 to 128 visible ASCII characters: the same for every retry, a new one for each event.",
      errors: [
        { field: "Idempotency-Key", code: "required", message: "Missing, or not 1 to 128 visible ASCII characters." },
      ],
    };
  }
  const read = await readText(request);
  if ("code" in read) return read;
  const { text, bytes } = read;
  if (signingSecret !== undefined) {
    const failure = signatureFailure ? signatureFailure(signingSecret, request, key, text) : cannotCheck;
    if (failure) return failure;
  }
  const parsed = parseJson(text);
  if (!parsed.ok)
    return { code: "bad_request", detail: "This JSON is not taken: see errors.", errors: parsed.violations };
  const body = parsed.value;
  if (isJsonObject(body) && body["events"] !== undefined) return readBatch(key, body, bytes);
  if (!isJsonObject(body) || typeof body["type"] !== "string") {
    return {
      code: "bad_request",
      detail: 'Send one event, an object with "type" and "payload", or a batch, with "mode" and "events".',
      errors: [{ field: "type", code: "required", message: "Missing, or not a string." }],
    };
  }
  const { expectedEventId, ...event } = body;
  const submission = single({ draftId: key, event: event as JsonObject & { type: string }, expectedEventId });
  return { submission, bytes };
}

function readBatch(batchId: string, body: JsonObject, bytes: number): Posted | Failure {
  const shape = batchShape.safeParse({ ...body, batchId });
  if (!shape.success) {
    return {
      code: "bad_request",
      detail: "The batch does not have the expected shape: see errors.",
      errors: violationsOf(shape.error.issues),
    };
  }
  const drafts = shape.data.events.map(({ draftId, event, expectedEventId }) => ({ draftId, event, expectedEventId }));
  return { submission: { key: batchId, mode: shape.data.mode, drafts }, bytes };
}
