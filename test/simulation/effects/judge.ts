import type { Effect } from "../../../src/model/effects.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import { bounds, type Json, type JsonObject } from "../../../src/protocol/index.ts";
import type { Trace } from "../trace.ts";
import type { Endpoint } from "./endpoint.ts";
import { type Event, eventsOf, rows } from "./log.ts";
import { effectOfTold, effectsOfTell, type Tell } from "./model.ts";
import type { Node } from "./node.ts";

/** An effect that an event must have caused. */
interface Caused {
  readonly id: string;
  readonly effect: Effect;
  readonly hops: number;
}

/** A draft for another partition. */
interface Sent extends Caused {
  readonly effect: Extract<Effect, { kind: "submit" }>;
}

/** What effects are judged by. */
export interface Judged {
  /** Those that cause effects. */
  readonly senders: readonly Node[];
  readonly receivers: readonly Node[];
  readonly endpoints: readonly Endpoint[];
  /** The node that is restored from backups; undefined: none is. */
  readonly restored: Node | undefined;
  readonly trace: Trace;
}

/** Each effect of each log has arrived, once and in order, or is a dead letter; and nothing else has. */
export function judgeEffects(judged: Judged): void {
  const { senders, receivers, endpoints, trace } = judged;
  for (const sender of senders) {
    const causes = eventsOf(sender).flatMap(causedBy(sender));
    const dead = new Map(rows(sender, "SELECT * FROM dead_letters").map((row) => [idOf(row), String(row["reason"])]));
    const answers = new Map(
      eventsOf(sender)
        .filter(({ type }) => type === "accepted" || type === "rejected")
        .map(({ draftId, type }) => [draftId, type]),
    );
    const sent = causes.filter((cause): cause is Sent => cause.effect.kind === "submit");
    for (const { id, effect } of sent) {
      if (dead.has(id)) continue;
      const asked = effect.acceptedAs !== undefined;
      trace.check(asked === answers.has(id), () => `${sender.name}: the verdict on ${id} came back: ${!asked}`);
    }
    for (const receiver of receivers) {
      if (receiver === sender) continue;
      const own = new Map(sent.filter(({ effect }) => effect.partition === receiver.name).map((one) => [one.id, one]));
      judgePair(judged, sender, receiver, own, dead, answers);
    }
    for (const endpoint of endpoints) {
      for (const { id, effect, hops } of causes) {
        if (effect.kind !== "webhook" || !endpoint.wants(effect.type) || dead.has(id)) continue;
        trace.check(hops > bounds.effectHopsMax || endpoint.has(id), () => `${id} has not come to ${endpoint.name}`);
      }
    }
  }
  for (const { name, violation } of endpoints) trace.check(violation === undefined, () => `${name}: ${violation}`);
}

function judgePair(
  { restored, trace }: Judged,
  sender: Node,
  receiver: Node,
  causes: ReadonlyMap<string, Sent>,
  dead: ReadonlyMap<string, string>,
  answers: ReadonlyMap<string, string>,
): void {
  // A receiver that was restored has lost what came after its backup; a call that is late may bring a part of it again.
  if (receiver === restored) return;
  const got = eventsOf(receiver).filter(
    ({ principal, type }) => principal === `partition:${sender.name}` && type !== "accepted" && type !== "rejected",
  );
  const pair = `${sender.name} > ${receiver.name}`;
  const order = [...causes.keys()];
  let last = -1;
  for (const { draftId, type, payload } of got) {
    const effect = causes.get(draftId)?.effect;
    // After a restore the receiver has what the sender has forgotten.
    if (!effect && sender === restored) continue;
    trace.check(effect !== undefined, () => `${pair}: ${draftId} is of no event`);
    if (!effect) return;
    const isSame = effect.type === type && textOf(effect.payload) === textOf(payload);
    trace.check(isSame, () => `${pair}: ${draftId} has another content`);
    // What was given up can still be on its way.
    if (dead.get(draftId) === "expired") continue;
    const at = order.indexOf(draftId);
    trace.check(at > last, () => `${pair}: ${draftId} is out of order, or there twice`);
    last = at;
  }
  const arrived = new Set(got.map(({ draftId }) => draftId));
  for (const { id, effect, hops } of causes.values()) {
    const reason = dead.get(id);
    const isThere = arrived.has(id);
    if (hops > bounds.effectHopsMax) {
      trace.check(reason === "too_many_hops" && !isThere, () => `${pair}: ${id} has ${hops} hops: ${reason}`);
    } else if (reason === "expired") continue;
    else if (effect.acceptedAs !== undefined) {
      const answer = isThere ? "accepted" : "rejected";
      trace.check(
        answers.get(id) === answer,
        () => `${pair}: ${id} was ${answer}, and the answer is ${answers.get(id)}`,
      );
      const isBad = String(effect.payload["token"]).endsWith("!");
      trace.check(effect.type !== "told" || isThere !== isBad, () => `${pair}: ${id} is ${isThere ? "there" : "lost"}`);
    } else if (String(effect.payload["token"]).includes("!")) {
      trace.check(!isThere && reason === "rejected", () => `${pair}: ${id} is rejected: ${reason}`);
    } else trace.check(isThere, () => `${pair}: ${id} is lost: ${reason}`);
  }
}

/** The effects of an event, as the model says. */
function causedBy(sender: Node): (event: Event) => Caused[] {
  return ({ eventId, incarnation, type, payload, hops }) => {
    const told = type === "told" ? effectOfTold(payload as never, sender.name) : undefined;
    const effects = type === "tell" ? effectsOfTell(payload as unknown as Tell, sender.name) : told ? [told] : [];
    return effects.map((effect, n) => ({ id: `${incarnation}:${eventId}:${n}`, effect, hops: hops + 1 }));
  };
}

function idOf(row: Record<string, unknown>): string {
  return `${String(row["incarnation"])}:${String(row["event_id"])}:${String(row["n"])}`;
}

const textOf = (payload: JsonObject): string => canonicalJson(payload as Json);
