import { type Command, single } from "../../core/index.ts";
import {
  clientMessage,
  clientMessageTypes,
  type Failure,
  isId,
  isJsonObject,
  isSubmitEvent,
  type Json,
  bounds,
  parseFrame,
  violationsOf,
} from "../../protocol/index.ts";
import type { Decoded } from "../dialect.ts";
import { storedOptions } from "./options.ts";

/** Decodes a frame to its command; a frame that is not a command is `unreadable`. */
export function decode(frame: string | ArrayBuffer): Decoded {
  if (typeof frame !== "string") return unreadable(undefined, "Send JSON in text frames; binary frames are not taken.");
  const parsed = parseFrame(frame);
  if (!parsed) {
    return unreadable(undefined, `A frame may have at most ${bounds.frameBytesMax} bytes.`, {
      code: "payload_too_large",
    });
  }
  if (!parsed.ok) return unreadable(parsed.value, "This JSON is not taken: see errors.", { errors: parsed.violations });
  const { value } = parsed;
  if (!isJsonObject(value)) {
    return unreadable(value, "A message is a JSON object with id, type, timestamp and payload.");
  }
  const result = isSubmitEvent(value) ? { success: true as const, data: value } : clientMessage.safeParse(value);
  if (!result.success) {
    const known = (clientMessageTypes as readonly unknown[]).includes(value["type"]);
    const errors = violationsOf(result.error.issues);
    return known
      ? unreadable(value, "The message does not have the shape of its type: see errors.", { errors })
      : unreadable(value, `Unknown message type; send one of ${clientMessageTypes.join(", ")}.`, { errors });
  }
  const { id: requestId, type, payload } = result.data;
  switch (type) {
    case "connect": {
      const connect: Command = {
        kind: "connect",
        requestId,
        clientId: payload.clientId,
        partition: payload.partition,
        model: payload.model,
        modelVersion: payload.modelVersion,
        otherModel: payload.otherModel ?? false,
        initialState: payload.initialState ?? false,
        stateChunks: payload.stateChunks ?? false,
        sinceEventId: payload.sinceEventId,
        proof: payload.proof,
        echo: payload.echo ?? true,
        credit: payload.credit,
        draftIds: payload.draftIds ?? false,
        broadcastDraftIds: payload.broadcastDraftIds ?? false,
        presence: payload.presence ?? false,
        presenceRefusals: payload.presenceRefusals ?? false,
        replaces: payload.replaces,
        probes: payload.probes ?? false,
        authors: payload.authors ?? false,
        readOnly: payload.readOnly ?? false,
        maxBytes: payload.maxBytes,
        wire: storedOptions({
          arrays: payload.frames === "array",
          limits: payload.limits ?? false,
          renewal: payload.renewal ?? false,
          principal: payload.principal ?? false,
          proofs: payload.proofs ?? false,
          authors: payload.authors ?? false,
          annotations: payload.annotations ?? false,
        }),
        author: undefined,
      };
      const { token } = payload;
      if (token === undefined) return connect;
      return { kind: "token", requestId, token, command: (author) => ({ ...connect, author }) };
    }
    case "renew": {
      const { token } = payload;
      return {
        kind: "token",
        requestId,
        token,
        command: (author) =>
          author ? { kind: "renew", requestId, author } : { kind: "refused", requestId, failure: nothingToRenew },
      };
    }
    case "submit_event":
      return {
        kind: "submit",
        requestId,
        submission: single({
          draftId: payload.draftId,
          event: payload.event,
          expectedEventId: payload.expectedEventId,
        }),
      };
    case "submit_events":
      return {
        kind: "submit",
        requestId,
        submission: {
          key: payload.batchId,
          mode: payload.mode,
          drafts: payload.events.map(({ draftId, event, expectedEventId }) => ({ draftId, event, expectedEventId })),
        },
      };
    case "sync":
      return {
        kind: "sync",
        requestId,
        partition: payload.partition,
        sinceEventId: payload.sinceEventId,
        proof: payload.proof,
        limit: payload.limit,
        maxBytes: payload.maxBytes,
      };
    case "state_chunk":
      return { kind: "state_chunk", requestId, eventId: payload.eventIndex, chunk: payload.chunk };
    case "ack":
      return { kind: "ack", requestId, eventId: payload.eventId, probe: payload.probe };
    case "hash":
      return { kind: "hash", requestId };
    case "presence":
      return {
        kind: "presence",
        requestId,
        state: payload.state === null ? undefined : JSON.stringify(payload.state),
      };
    case "heartbeat":
      return { kind: "heartbeat", requestId };
  }
}

const nothingToRenew: Failure = {
  code: "bad_request",
  detail: "This connection has no token that could be renewed.",
};

/** The command for a frame that cannot be decoded, with the ids for the answer if they are valid. */
function unreadable(value: Json | undefined, detail: string, rest: Partial<Failure> = {}): Command {
  const object = isJsonObject(value) ? value : {};
  const payload = isJsonObject(object["payload"]) ? object["payload"] : {};
  return {
    kind: "unreadable",
    requestId: isId(object["id"]) ? object["id"] : undefined,
    draftId: [payload["draftId"], payload["batchId"]].find(isId),
    failure: { code: "bad_request", detail, ...rest },
  };
}
