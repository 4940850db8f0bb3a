import { exceedsUtf8, type Json, type JsonObject } from "../../protocol/index.ts";
import type { DeepReadonly, Objection } from "../define.ts";
import { authorKey, hasShareLeft } from "../share.ts";
import { sagaBounds } from "./bounds.ts";
import type { SagaRun, Sagas, SagaShare } from "./state.ts";

/**
 * What a saga takes in memory without its input: its fields, its id as a key of all, and its part of the share of its author.
 * With `progressBytes` it is what it takes until it ends.
 */
const runBytes = 1_200;

/**
 * What a saga is charged of the memory of the state, in bytes: not less than it takes. The figures are rounded up from those
 * of `Weight`, and are not those: a charge is in the state, so it is the same in each version.
 */
export function chargeOf(id: string, input: JsonObject): number {
  return runBytes + sagaBounds.progressBytes + 4 * id.length + chargeOfValue(input);
}

function chargeOfValue(value: Json): number {
  if (typeof value === "string") return 24 + 2 * value.length;
  if (typeof value !== "object" || value === null) return 16;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + 12 + chargeOfValue(item), 96);
  return Object.entries(value).reduce((sum, [key, item]) => sum + 120 + 4 * key.length + chargeOfValue(item), 300);
}

/** Another saga is open. */
export function take(sagas: Sagas, author: string | undefined, charge: number): void {
  sagas.open++;
  sagas.bytes = (sagas.bytes ?? 0) + charge;
  if (author === undefined) return;
  const { open, bytes } = shareOf(sagas, author);
  sagas.shares ??= {};
  sagas.shares[authorKey(author)] = { open: open + 1, bytes: bytes + charge };
}

/** A saga is not open any more. One that an earlier version has started was never charged. */
export function release(sagas: Sagas, { author, charge = 0 }: SagaRun): void {
  sagas.open--;
  sagas.bytes = (sagas.bytes ?? 0) - charge;
  if (author === undefined) return;
  const { open, bytes } = shareOf(sagas, author);
  if (open > 1) sagas.shares![authorKey(author)] = { open: open - 1, bytes: bytes - charge };
  else delete sagas.shares![authorKey(author)];
}

function shareOf({ shares = {} }: DeepReadonly<Sagas>, author: string): DeepReadonly<SagaShare> {
  return shares[authorKey(author)] ?? { open: 0, bytes: 0 };
}

/** Why there is no room for another saga, if so: for anybody, or for its author, who has a share of their number and of their bytes. */
export function objectionToRoom(
  sagas: DeepReadonly<Sagas>,
  author: string | undefined,
  id: string,
  input: JsonObject,
): Objection | undefined {
  if (exceedsUtf8(JSON.stringify(input), sagaBounds.inputBytesMax)) {
    const message = `The input of a saga has at most ${sagaBounds.inputBytesMax} bytes of JSON.`;
    return { field: "payload.input", code: "INPUT_TOO_LARGE", message };
  }
  const bytesLeft = sagaBounds.openBytesMax - (sagas.bytes ?? 0);
  const charge = chargeOf(id, input);
  if (sagas.open >= sagaBounds.openMax || charge > bytesLeft) {
    return tooMany(
      `At most ${sagaBounds.openMax} sagas, and what they carry in ${sagaBounds.openBytesMax} bytes, can be open here.`,
    );
  }
  if (author === undefined) return undefined;
  const own = shareOf(sagas, author);
  if (hasShareLeft(own.open, sagas.open, sagaBounds.openMax) && own.bytes + charge <= bytesLeft) return undefined;
  return tooMany(`${sagas.open} sagas are open here, ${own.open} of them yours: the others are for other authors.`);
}

function tooMany(message: string): Objection {
  return { field: "payload.saga", code: "TOO_MANY_SAGAS", message };
}
