import type { Endpoint } from "../platform/courier-api.ts";
import { addressFault } from "./address.ts";
import { courierBounds } from "./bounds.ts";
import { headersOf, type Message } from "./message.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";

/** What a sender needs. */
export interface SenderPorts {
  fetch(url: string, init: RequestInit): Promise<Response>;
  now(): number;
  /** Decrypts the secrets that sign now. */
  secretsOf(endpoint: Endpoint): Promise<string[]>;
  /** Whether loopback addresses are allowed. */
  readonly loopback: boolean;
}

/** The answer to a message: its outcome, and up to `answerBytesMax` of its body where that was asked for. */
export interface Answered {
  outcome: Outcome;
  body?: string;
}

/** Sends a message to an endpoint, once. Never rejects: what fails is an outcome. */
export async function sendMessage(
  endpoint: Endpoint,
  message: Message,
  ports: SenderPorts,
  { readsBody = false }: { readsBody?: boolean } = {},
): Promise<Answered> {
  // Each time: the rules may be stricter than when the address was set.
  const fault = addressFault(endpoint.url, { ownHosts: [endpoint.ownHost], loopback: ports.loopback });
  if (fault !== undefined) return failed(`The address is refused: ${fault}`);
  let secrets: string[];
  try {
    secrets = await ports.secretsOf(endpoint);
  } catch (error) {
    return failed(`The secret cannot be decrypted: ${error instanceof Error ? error.message : "unknown"}`);
  }
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), courierBounds.attemptMs);
  try {
    const response = await ports.fetch(endpoint.url, {
      method: "POST",
      headers: headersOf(message, secrets, ports.now()),
      body: message.body,
      redirect: "manual",
      signal: late.signal,
    });
    const outcome = outcomeOf(response.status, response.headers.get("retry-after"), ports.now());
    if (readsBody && outcome.kind === "delivered") return { outcome, body: await readBody(response) };
    // Nothing is awaited: an endpoint that does not end its answer must not change the outcome.
    response.body?.cancel().catch(() => undefined);
    return { outcome };
  } catch {
    // The error may name addresses of the network.
    if (late.signal.aborted) return failed(`There was no answer within ${courierBounds.attemptMs / 1_000} seconds.`);
    return failed("The connection failed.");
  } finally {
    clearTimeout(timer);
  }
}

function failed(reason: string): Answered {
  return { outcome: { kind: "failed", reason, final: false } };
}

/** Reads up to `answerBytesMax`; what follows is not read. */
async function readBody(response: Response): Promise<string> {
  const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let piece = await reader?.read(); piece && !piece.done; piece = await reader!.read()) {
    bytes += piece.value.byteLength;
    if (bytes > courierBounds.answerBytesMax) {
      reader!.cancel().catch(() => undefined);
      throw new Error("the answer is too large");
    }
    text += decoder.decode(piece.value, { stream: true });
  }
  return text + decoder.decode();
}
