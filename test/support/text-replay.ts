import { ChangeSet } from "@codemirror/state";
import { type AnyModel, State } from "../../src/model/index.ts";
import { editOf, text, type TextEdit, textIn, type Texts } from "../../src/models/text/index.ts";
import { TestPartition } from "./partition.ts";
import { mappedOver, replayTrace, type Trace } from "./text-traces.ts";

/** Milliseconds of the partition's clock between two drafts: below the rate of a client. */
const pauseMs = 100;
const partition = "text:1";

/** What a replay over the core came to. */
export interface Replayed {
  /** The text at the server. */
  text: string;
  /** The text of a subscriber that has folded what it was sent. */
  subscriber: string;
  /** How many drafts the server had to map, and how many were made on a text that was not the newest. */
  transformed: number;
  behind: number;
  /** How many were committed otherwise than bare change sets are mapped. */
  different: number;
  /** Characters of the drafts, of what their authors received, and of what the subscriber did. */
  sent: number;
  answered: number;
  broadcast: number;
}

/**
 * Replays a trace over the core, a draft a transaction, each made on the last event that its author had: own ones and
 * those of the other author that its transaction knows.
 */
export function replayOverCore({ txns }: Pick<Trace, "txns">): Replayed {
  const host = new TestPartition({ model: text as AnyModel, name: partition });
  // The author with the smaller number has the smaller client id.
  const authors = ["author-0", "author-1"].map((name) => ({
    name,
    room: host.client(name, { echo: false }),
    last: -1,
  }));
  const reader = host.client("reader");
  reader.frames.length = 0;
  const state = new State(text.initialState());
  const result = {
    text: "",
    subscriber: "",
    transformed: 0,
    behind: 0,
    different: 0,
    sent: 0,
    answered: 0,
    broadcast: 0,
  };
  replayTrace({ txns }, ({ at, agent, changes, unknown }) => {
    const author = authors[agent]!;
    const newest = unknown[0]?.at ?? at;
    // The events up to it: the last own one, or the last of the other author that is known.
    const expectedEventId = Math.max(author.last + 1, newest);
    const before = unknown.filter((other) => other.at < expectedEventId);
    const draft = editOf("d", mappedOver(changes, before, agent));
    if (unknown.length > 0) result.behind++;
    if (expectedEventId < at) result.transformed++;
    host.now += pauseMs;
    const draftId = `01990000-0000-7000-8000-${String(at).padStart(12, "0")}`;
    const payload = { draftId, event: { type: "edit", payload: draft }, expectedEventId };
    const frame = JSON.stringify({ id: draftId, type: "submit_event", timestamp: host.now, payload });
    const [verdict] = author.room.raw(frame);
    if (verdict.type !== "event_accepted") throw new Error(`transaction ${at}: ${JSON.stringify(verdict)}`);
    result.sent += frame.length;
    author.last = at;
    const { changes: committed } = verdict.payload.event.payload as TextEdit;
    const expected = mappedOver(changes, unknown, agent);
    if (JSON.stringify(expected) !== JSON.stringify(committed)) result.different++;
    result.answered += received(author.room.frames);
    for (const { room } of authors) room.frames.length = 0;
    result.broadcast += received(reader.frames);
    for (const sent of reader.frames.splice(0)) {
      const event = (JSON.parse(sent) as { payload: { event: { payload: TextEdit } } }).payload.event;
      state.replay((root) => text.events.edit.reduce(root, event as never, state.context));
    }
    return ChangeSet.fromJSON(committed);
  });
  const textOf = (of: unknown) => textIn((of as { texts: Texts }).texts, "d");
  return { ...result, text: textOf(host.state()), subscriber: state.read(textOf) };
}

const received = (frames: readonly string[]) => frames.reduce((sum, { length }) => sum + length, 0);
