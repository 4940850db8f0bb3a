import type { Draft } from "../core/index.ts";
import { type Failure, isId, isJsonObject, type JsonObject, limits, parseJson, utf8Length } from "../protocol/index.ts";

/** Reads a draft from the body and the `Idempotency-Key` of a `POST /events`. */
export async function readDraft(request: Request): Promise<Draft | Failure> {
  const draftId = request.headers.get("idempotency-key");
  if (!isId(draftId)) {
    return {
      code: "bad_request",
      detail:
        "Send an Idempotency-Key of 1 to 128 visible ASCII characters: the same for every retry, a new one for each event.",
      errors: [
        { field: "Idempotency-Key", code: "required", message: "Missing, or not 1 to 128 visible ASCII characters." },
      ],
    };
  }
  const tooLarge: Failure = {
    code: "payload_too_large",
    detail: `An event may have at most ${limits.frameBytesMax} bytes.`,
  };
  if (Number(request.headers.get("content-length") ?? 0) > limits.frameBytesMax) return tooLarge;
  const text = await request.text();
  if (utf8Length(text) > limits.frameBytesMax) return tooLarge;
  const parsed = parseJson(text);
  if (!parsed.ok)
    return { code: "bad_request", detail: "This JSON is not taken: see errors.", errors: parsed.violations };
  if (!isJsonObject(parsed.value) || typeof parsed.value["type"] !== "string") {
    return {
      code: "bad_request",
      detail: 'Send one event: a JSON object with "type" and "payload".',
      errors: [{ field: "type", code: "required", message: "Missing, or not a string." }],
    };
  }
  const { expectedEventId, ...event } = parsed.value;
  return { draftId, event: event as JsonObject & { type: string }, expectedEventId };
}
