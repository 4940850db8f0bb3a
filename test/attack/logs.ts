import type { PreparedEvent } from "./prepared.ts";

// The logs of partitions at their bounds.

/** The children of a folder in a prepared tree. */
const fanOut = 10;

/** A tree `t` with the folders `a`, `b` and `c`, and `nodes` nodes below `a`: each has ten children. */
export function* treeLog(nodes: number): Generator<PreparedEvent> {
  yield { type: "set", payload: { target: "t", value: {} } };
  for (const id of ["a", "b", "c"]) yield { type: "treePush", payload: { target: "t", value: { id } } };
  for (let at = 0; at < nodes; at++) {
    const parent = at < fanOut ? "a" : `n${Math.floor(at / fanOut) - 1}`;
    yield {
      type: "treePush",
      payload: { target: "t", value: { id: `n${at}`, text: "node" }, options: { parent, position: "last" } },
    };
  }
}

/** `events` events of `bytes` bytes, which all replace the same value. */
export function* largeEventsLog(events: number, bytes: number): Generator<PreparedEvent> {
  const text = "x".repeat(bytes);
  for (let at = 0; at < events; at++) yield { type: "set", payload: { target: "large", value: `${at} ${text}` } };
}

/** A state of about `mebibytes` of text, in objects of about 1 KiB. */
export function* largeStateLog(mebibytes: number): Generator<PreparedEvent> {
  const text = "x".repeat(1_000);
  for (let at = 0; at < mebibytes * 1_024; at++) {
    yield { type: "set", payload: { target: `parts.p${at % 100}.o${at}`, value: { at, text } } };
  }
}
