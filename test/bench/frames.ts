import { randomBytes } from "node:crypto";
import { bounds } from "../../src/protocol/index.ts";

let lastMs = 0;
let counter = 0;

/** A UUIDv7, greater than those before it in this process (RFC 9562, 6.2, method 1: a counter within the millisecond). */
function uuidv7(): string {
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    counter = randomBytes(2).readUInt16BE() & 0x3ff;
  } else if (++counter > 0xfff) {
    lastMs++;
    counter = 0;
  }
  const ms = lastMs.toString(16).padStart(12, "0");
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7${counter.toString(16).padStart(3, "0")}-${tail}`;
}
const tail = `a${randomBytes(2).toString("hex").slice(1)}-${randomBytes(6).toString("hex")}`;

/** Pads an event with its target and node to slightly over 300 bytes of JSON. */
const padding = "abcdefghij".repeat(13);

/** The events of a stream. */
export interface Stream {
  /** New nodes, or new data for those of `nodes`. */
  event: "push" | "update";
  /** The prefix of the ids of the nodes. */
  prefix: string;
  /** The number of nodes that updates cycle through. */
  nodes?: number;
}

function submit(event: string): string {
  return `{"id":"m","type":"submit_event","timestamp":${Date.now()},"payload":{"draftId":"${uuidv7()}","event":${event}}}`;
}

/** The frame that creates an empty tree, before the first push. */
export const makeTree = (): string => submit('{"type":"set","payload":{"target":"files","value":{}}}');

/** The frame number `at` of a stream: an event of about 300 bytes, with a time-ordered draft id. */
export function frameAt({ event, prefix, nodes = 1 }: Stream, at: number): string {
  const data = `"name":"File number ${at}","type":"file","tags":["a","b"],"text":"${padding}"`;
  return submit(
    event === "push"
      ? `{"type":"treePush","payload":{"target":"files","value":{"id":"${prefix}${at}",${data}},"options":{"parent":"_root","position":"last"}}}`
      : `{"type":"treeUpdate","payload":{"target":"files","value":{${data}},"options":{"id":"${prefix}${at % nodes}"}}}`,
  );
}

/** The drafts as arrays, of at most as many messages and bytes as a frame may have. */
export function packed(drafts: readonly string[]): string[] {
  const frames: string[] = [];
  let texts: string[] = [];
  let bytes = 0;
  for (const draft of drafts) {
    if (texts.length === bounds.frameMessagesMax || bytes + draft.length + 2 > bounds.frameBytesMax) {
      frames.push(`[${texts.join(",")}]`);
      texts = [];
      bytes = 0;
    }
    texts.push(draft);
    bytes += draft.length + 1;
  }
  if (texts.length > 0) frames.push(`[${texts.join(",")}]`);
  return frames;
}

/** The options of a connection, besides events in arrays. */
export interface Wishes {
  initialState?: boolean;
  /** The most unacknowledged bytes. */
  credit?: number;
}

/** The frame by which an array client connects. */
export function connectFrame(clientId: string, { initialState = false, credit }: Wishes = {}): string {
  const wanted = credit === undefined ? "" : `,"credit":${credit}`;
  return `{"id":"c","type":"connect","timestamp":${Date.now()},"payload":{"clientId":"${clientId}","version":"1","frames":"array","echo":false,"initialState":${initialState}${wanted}}}`;
}

/** Returns the credit of all events up to `eventId`. */
export const ackFrame = (eventId: number): string =>
  `{"id":"k","type":"ack","timestamp":${Date.now()},"payload":{"eventId":${eventId}}}`;

/** Asks for the page of events after `since`. */
export const syncFrame = (since: number): string =>
  `{"id":"s","type":"sync","timestamp":${Date.now()},"payload":{"sinceEventId":${since},"limit":${bounds.pageEventsMax}}}`;

/** Answered without waking the partition; shows that the client reads. */
export const heartbeat = '{"type":"heartbeat"}';

const accepted = Buffer.from('"type":"event_accepted"');
/** No message with an event is shorter, so a search can skip this many bytes. */
const messageBytesMin = 256;

/** How many drafts a frame accepts. Searches bytes: a load generator that parses JSON measures itself. */
export function countAccepted(frame: Buffer): number {
  let count = 0;
  for (let at = frame.indexOf(accepted); at >= 0; at = frame.indexOf(accepted, at + messageBytesMin)) count++;
  return count;
}

/** Whether a frame has an event of another client. */
export const isBroadcast = (frame: Buffer): boolean => frame.includes('"type":"broadcast"');

const eventId = Buffer.from('"eventId":');

/** The last event in a frame of broadcasts; undefined if it has none. */
export function lastEventOf(frame: Buffer): number | undefined {
  const at = frame.lastIndexOf(eventId);
  return at < 0
    ? undefined
    : Number.parseInt(frame.toString("latin1", at + eventId.length, at + eventId.length + 16), 10);
}
