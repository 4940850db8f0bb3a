import type { HttpAnswer } from "../partition/answers.ts";
import { type partitionObject, streamHeader, type StreamRequest } from "../partition/object.ts";
import { type Failure, limits, parseJson, postedShape, utf8Length, violationsOf } from "../protocol/index.ts";
import { callObject } from "./call.ts";
import { authorOf, type Identity } from "./identity.ts";

type PartitionObject = InstanceType<ReturnType<typeof partitionObject>>;

/** Who may read this partition. */
interface Reader {
  identity: Identity;
  /** A fresh stub of the partition's object. */
  stub: () => DurableObjectStub<PartitionObject>;
}

/** `GET …/events/stream`: the events of the log as they come, after `Last-Event-ID`, or `since`, or the head. */
export async function openEvents(request: Request, { identity, stub }: Reader): Promise<Response | Failure> {
  const from = authorOf(identity, request);
  if ("code" in from) return from;
  const named = new URL(request.url).searchParams.get("since");
  // What a reader that comes back has seen counts, and not what it once began with.
  const text = request.headers.get("last-event-id") ?? named ?? undefined;
  const since = text === undefined ? undefined : Number(text);
  if (text !== undefined && !(/^\d{1,16}$/.test(text) && Number.isSafeInteger(since))) {
    const field = text === named ? "since" : "Last-Event-ID";
    return {
      code: "bad_request",
      detail: `"${field}" must be a whole number from 0 on.`,
      errors: [{ field, code: "invalid_type", message: "Not a whole number from 0 on." }],
    };
  }
  return await openStream(stub, { kind: "events", ...from, since });
}

/** `POST …/connection`: a connection without a WebSocket; what it is told is the response. */
export function openConnection({ identity, stub }: Reader): Promise<Response> {
  return openStream(stub, { kind: "connection", author: verified(identity) });
}

/** `POST …/connection/{id}`: frames of such a connection. */
export async function postFrames(
  request: Request,
  { identity, stub }: Reader,
  id: string,
): Promise<HttpAnswer | Failure> {
  const tooLarge: Failure = {
    code: "payload_too_large",
    detail: `A request with frames may have at most ${limits.postedBytesMax} bytes.`,
  };
  if (Number(request.headers.get("content-length") ?? 0) > limits.postedBytesMax) return tooLarge;
  const text = await request.text();
  if (utf8Length(text) > limits.postedBytesMax) return tooLarge;
  const parsed = parseJson(text);
  if (!parsed.ok) {
    return { code: "bad_request", detail: "This JSON is not taken: see errors.", errors: parsed.violations };
  }
  const shape = postedShape.safeParse(parsed.value);
  if (!shape.success) {
    return {
      code: "bad_request",
      detail: "The body does not have its shape: see errors.",
      errors: violationsOf(shape.error.issues),
    };
  }
  const { before, frames } = shape.data;
  // Tried again it does no harm: frames that have come already are passed over.
  return await callObject(stub, (object) => object.postFrames(id, verified(identity), before, frames));
}

function openStream(stub: Reader["stub"], asked: StreamRequest): Promise<Response> {
  // What is inside the Worker is told by this header, and by nobody from outside.
  const headers = { [streamHeader]: JSON.stringify(asked) };
  return callObject(stub, (object) => object.fetch(new Request("http://partition/stream", { headers })));
}

function verified(identity: Identity) {
  return identity.mode === "verified" ? identity.author : undefined;
}
