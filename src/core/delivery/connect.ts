import type { AnyModel } from "../../model/index.ts";
import { type Failure, bounds, type Author } from "../../protocol/index.ts";
import type { Command } from "../commands.ts";
import type { ChunkedSnapshot, ConnectedClient, Page } from "../replies.ts";
import type { Head } from "../head.ts";
import type { Live } from "../live.ts";
import { clampBytes, clampLimit, eventOverheadBytes, readPage } from "./page.ts";
import { assertSameLog, proofAt } from "./proof.ts";
import { readOnlyFailure } from "../decide/room.ts";
import { Refusal } from "../refusal.ts";
import type { WindowContext } from "../window/context.ts";
import { assertAuthorized } from "./access.ts";
import { tokenExpired } from "./endings.ts";
import { notConnected, type Session } from "./session.ts";

type Connect = Extract<Command, { kind: "connect" }>;
type Renew = Extract<Command, { kind: "renew" }>;
type Sync = Extract<Command, { kind: "sync" }>;
type StateChunk = Extract<Command, { kind: "state_chunk" }>;

const tokenMissing: Failure = {
  code: "unauthenticated",
  detail: "Send a token: with the upgrade, or as connect.payload.token.",
};

/** How long a client waits before it asks again whether the models agree, in seconds: a deployment takes some minutes. */
const modelRetrySeconds = 30;
/** UTF-16 units of the name of a client's model in `detail`. */
const shownNameMax = 64;

/** That the client folds with the model of the partition; with another version of it only where it asks for verdicts. */
function assertSameModel({ name, version }: AnyModel, { model, modelVersion, otherModel }: Connect): void {
  if (model !== undefined && model !== name) {
    const theirs = `"${model.slice(0, shownNameMax)}"${modelVersion === undefined ? "" : `, version ${modelVersion}`}`;
    throw new Refusal({
      code: "model_mismatch",
      detail: `This partition has the model "${name}", version ${version}, and the application has ${theirs}: open another partition, or correct one of the models.`,
      retryAfter: modelRetrySeconds,
    });
  }
  if (modelVersion === undefined || modelVersion === version || otherModel) return;
  const advice = modelVersion > version ? "wait until the server is updated" : "reload the application";
  throw new Refusal({
    code: "upgrade_required",
    // Clients of before the name was sent get the text that they always got.
    detail:
      model === undefined
        ? `This partition is folded with model version ${version}: reload the application.`
        : `This partition has version ${version} of the model "${name}", and the application has version ${modelVersion}: ${advice}.`,
  });
}

/** Answers `connect`: who it is, where the log stands, and from where this connection is given events. */
export function connect(context: WindowContext, session: Session, given: Connect): void {
  const { live, model, ports, authors, now } = context;
  const otherModel = given.modelVersion !== undefined && given.modelVersion !== model.version;
  // It cannot fold what it would be sent: it gets neither a state nor events.
  const command =
    otherModel && given.otherModel
      ? { ...given, initialState: false, sinceEventId: undefined, proof: undefined }
      : given;
  if (session.state.client) {
    throw new Refusal({
      code: "already_connected",
      detail: "This connection has had its connect; nothing was changed.",
    });
  }
  const author = authorOfConnect(session.state, command);
  if (!author) throw new Refusal(tokenMissing);
  if (command.author && hasExpired(context, command.author)) throw new Refusal(tokenExpired);
  assertInForce(context, command.author);
  assertPartition(context, command.partition);
  assertAuthorized(context, live, author);
  assertSameModel(model, given);
  if (command.initialState && command.sinceEventId !== undefined) {
    throw new Refusal({
      code: "bad_request",
      detail: "Ask for initialState or for the events since sinceEventId, not for both.",
    });
  }
  assertNotAhead(live.head, command.sinceEventId);
  assertSameLog(ports.storage, command.sinceEventId, command.proof);
  if (command.initialState) live.fold.assertSound();
  const inline = !command.stateChunks || live.fold.state.weight <= bounds.inlineStateBytesMax;
  const { principal } = author;
  const busy = context.catchUps.begin(
    { principal, clientId: command.clientId },
    firstBytes(live, command, inline),
    now,
  );
  if (busy) throw new Refusal(busy);

  const verified = command.author ?? session.state.author;
  const readOnly = readOnlyFailure(context.name, context.limiter.limits) !== undefined;
  const client: ConnectedClient = {
    clientId: command.clientId,
    echo: command.echo,
    credit: command.credit,
    draftIds: command.draftIds,
    ...(command.broadcastDraftIds ? { broadcastDraftIds: true } : {}),
    ...(command.stateChunks ? { stateChunks: true } : {}),
    ...(command.probes ? { probes: true } : {}),
    ...(command.presenceRefusals ? { presenceRefusals: true } : {}),
    ...(command.passive ? { passive: true } : {}),
    ...(command.authors && authors.shows ? { authors: true } : {}),
    ...(command.readOnly ? { readOnly } : {}),
    peerId: command.presence ? ports.random.peerId() : undefined,
  };
  const since = command.sinceEventId;
  const head = live.head.eventId;
  const page =
    since === undefined
      ? undefined
      : readPage(
          ports.storage,
          since,
          clampLimit(undefined),
          head,
          draftIdsOf(client, author),
          clampBytes(command.maxBytes, session.pageBytes),
          client.authors,
        );
  const initialState = command.initialState && inline ? live.fold.text(head) : undefined;
  const snapshot = command.initialState && !inline ? chunkedSnapshot(context) : undefined;
  // Last, when nothing refuses it any more: a connection that was refused has not connected.
  session.update({
    author,
    awaitsToken: false,
    client,
    wire: command.wire,
    provisionalLogId: live.head.logId === undefined ? context.serverId(live) : undefined,
    ...(live.head.logId === undefined && authors.secret ? { provisionalSecret: authors.secret } : {}),
  });
  if (snapshot || otherModel) session.cursor.hold(snapshot?.eventId ?? head);
  else session.cursor.seek(page ? page.nextSinceEventId : head, head);
  session.reply({
    kind: "connected",
    requestId: command.requestId,
    now,
    serverId: context.serverId(live),
    currentEventIndex: head,
    proof: live.head.proof,
    initialState,
    modelVersion: otherModel ? model.version : undefined,
    sinceSnapshot: command.initialState ? head - live.fold.snapshot.eventId : undefined,
    snapshot,
    peerId: client.peerId,
    principal: verified?.principal,
    tenant: context.name.tenant,
    author: authors.of(author.principal),
    expiresAt: author.expiresAt,
  });
  if (command.readOnly) session.reply({ kind: "read_only", now, readOnly });
  if (client.peerId !== undefined && command.replaces !== undefined)
    context.replacePeer(command.replaces, author.principal);
  // It is not among them: so far it has shown nothing.
  if (client.peerId !== undefined)
    session.reply({ kind: "presence", now, all: true, peers: context.peers(), gone: [] });
  if (page) session.reply({ kind: "page", requestId: command.requestId, now, page });
}

/** About how many bytes the first message brings that has what this client has missed. */
function firstBytes({ head, fold }: Live, { initialState, sinceEventId, maxBytes }: Connect, inline: boolean): number {
  if (initialState) return inline ? fold.state.weight : bounds.pageBytesMax;
  if (sinceEventId === undefined || sinceEventId >= head.eventId) return 0;
  const events = Math.min(head.eventId - sinceEventId, bounds.pageEventsDefault);
  return Math.min(events * (head.logBytes / head.eventId + eventOverheadBytes), clampBytes(maxBytes));
}

/** Who connects; undefined: the token is missing. */
export function authorOfConnect({ author, awaitsToken }: Session["state"], command: Connect): Author | undefined {
  if (command.author) return command.author;
  if (awaitsToken) return undefined;
  return author ?? { principal: `dev:${command.clientId}`, permissions: "all" };
}

/** Answers `renew`: from here on the new token says until when, and what its principal may do. */
export function renew(context: WindowContext, session: Session, { requestId, author }: Renew): void {
  const before = session.state.author;
  if (!session.state.client || !before) throw new Refusal(notConnected);
  if (before.principal !== author.principal) {
    throw new Refusal({
      code: "bad_request",
      detail: "This token is somebody else's: open another connection for it.",
    });
  }
  // Within the tolerance of the verifier. The token in force may be valid for longer: it stays.
  if (hasExpired(context, author)) {
    throw new Refusal({ code: "bad_request", detail: "This token has expired; nothing was changed. Send a new one." });
  }
  assertInForce(context, author);
  session.update({ author });
  session.reply({ kind: "renewed", requestId, now: context.now, expiresAt: session.expiresAt });
}

/** Answers `sync`: sets the delivery cursor, and gives the page after it. */
export function sync(context: WindowContext, session: Session, client: ConnectedClient, command: Sync): void {
  assertPartition(context, command.partition);
  assertAuthorized(context, context.live, session.state.author!);
  assertNotAhead(context.live.head, command.sinceEventId);
  assertSameLog(context.ports.storage, command.sinceEventId, command.proof);
  // A client that asks for what follows has everything before.
  if (command.sinceEventId !== undefined) session.cursor.acknowledge(command.sinceEventId);
  const page = pageFor(context, session, client, command);
  if (page.snapshot && "chunks" in page.snapshot) session.cursor.hold(page.snapshot.eventId);
  // In the same step as the page: at the head, the next commit is broadcast to this connection.
  else session.cursor.seek(page.nextSinceEventId, context.live.head.eventId);
  if (client.passive) session.update({ cycleEnd: page.hasMore ? page.currentEventIndex : undefined });
  session.reply({ kind: "page", requestId: command.requestId, now: context.now, page });
}

/** Sends a passive client the next events that it has not received, as far as a page holds them. */
export function follow({ live, ports }: WindowContext, session: Session): void {
  const head = live.head.eventId;
  if (!session.follows) {
    session.reply({ kind: "events", events: [] });
    return;
  }
  const since = session.cursor.delivered;
  const page = readPage(ports.storage, since, bounds.pageEventsMax, head, undefined, session.pageBytes);
  session.cursor.seek(page.nextSinceEventId, head);
  session.reply({ kind: "events", events: page.events });
}

/** Over how many seconds those are spread that ask for a chunk again: in this time the partition's clients have read all of it. */
const chunkSpreadSeconds = Math.ceil(bounds.outstandingBytesMax / bounds.readBytesPerSecondOfPartition);

/** Answers `state_chunk`: a chunk of the newest snapshot. The server keeps nothing of who loads which one. */
export function stateChunk(context: WindowContext, session: Session, { requestId, eventId, chunk }: StateChunk): void {
  const { live, ports, now } = context;
  assertAuthorized(context, live, session.state.author!);
  const { chunks, ...newest } = chunkedSnapshot(context);
  if (eventId !== newest.eventId) throw new Refusal(snapshotReplaced);
  if (chunk >= chunks) {
    throw new Refusal({ code: "bad_request", detail: `The snapshot at event ${eventId} has ${chunks} chunks.` });
  }
  // No chunk is small: who asks for one of many asks again, and stays connected.
  if (ports.unread(now) >= bounds.outstandingBytesMax) throw new Refusal(laterChunk(ports.random.fraction()));
  const text = ports.storage.snapshots.chunk(eventId, chunk);
  if (text === undefined) {
    // It is damaged for good: the log is complete without it.
    live.fold.discardSnapshot();
    throw new Refusal(snapshotReplaced);
  }
  session.reply({ kind: "state_chunk", requestId, now, eventId, chunk, text });
}

/** `fraction`: a random number, so that they do not all come at the same time. */
const laterChunk = (fraction: number): Failure => ({
  code: "overloaded",
  detail: "Many clients load the state at the same time: ask for this chunk again after retryAfter.",
  retryAfter: 1 + Math.floor(fraction * chunkSpreadSeconds),
});

const snapshotReplaced: Failure = {
  code: "snapshot_replaced",
  detail: "This is not the newest snapshot: send sync without sinceEventId, and load that one.",
};

/** The newest snapshot, without its state. */
function chunkedSnapshot({ live, ports }: WindowContext): ChunkedSnapshot {
  const { eventId, stateBytes } = live.fold.snapshot;
  const chunks = eventId === 0 ? 0 : ports.storage.snapshots.chunks(eventId);
  return { eventId, chunks, bytes: stateBytes, proof: proofAt(ports.storage, eventId) };
}

function pageFor(context: WindowContext, session: Session, client: ConnectedClient, command: Sync): Page {
  const { live, ports } = context;
  const draftIds = draftIdsOf(client, session.state.author!);
  const reads = ports.storage;
  const limit = clampLimit(command.limit);
  const end = session.state.cycleEnd ?? live.head.eventId;
  // While much is unread in all, a page is as small as it can be: nobody is refused, and the memory has a bound.
  const isMuch = ports.unread(context.now) >= bounds.catchUpBytesMax;
  const most = isMuch ? Math.min(session.pageBytes, bounds.pageBytesMin) : session.pageBytes;
  const bytesMax = clampBytes(command.maxBytes, most);
  const pageAfter = (since: number) => readPage(reads, since, limit, end, draftIds, bytesMax, client.authors);
  if (command.sinceEventId !== undefined) return pageAfter(command.sinceEventId);
  const { eventId, stateBytes, logBytes } = live.fold.snapshot;
  const worthIt = eventId > 0 && stateBytes < logBytes;
  const inline = stateBytes <= bounds.syncSnapshotBytesMax;
  if (worthIt && !inline && client.stateChunks) {
    const { eventId: currentEventIndex } = live.head;
    const snapshot = chunkedSnapshot(context);
    return {
      snapshot,
      events: [],
      currentEventIndex,
      hasMore: true,
      nextSinceEventId: eventId,
      proof: snapshot.proof,
      draftIdsOf: draftIds,
    };
  }
  const state = worthIt && inline ? reads.snapshots.state(eventId) : undefined;
  if (state === undefined) return pageAfter(0);
  const page = pageAfter(eventId);
  return { ...page, snapshot: { eventId, state }, proof: page.proof ?? proofAt(reads, eventId) };
}

/** The principal whose events are named by their drafts on this client's pages. */
function draftIdsOf(client: ConnectedClient, author: Author): string | undefined {
  return client.draftIds ? author.principal : undefined;
}

function hasExpired({ now }: WindowContext, { expiresAt }: Author): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

/** A token was good when it was verified; since then it may have been revoked, or the keys replaced. */
function assertInForce(context: WindowContext, author: Author | undefined): void {
  const refusal = author && context.refusalOf(author);
  if (refusal) throw new Refusal(refusal);
}

function assertPartition(context: WindowContext, partition: string | undefined): void {
  if (partition === undefined || partition === context.name.partition) return;
  throw new Refusal({
    code: "partition_mismatch",
    detail: `This connection is for partition "${context.name.partition}": open another one for another partition.`,
    errors: [{ field: "payload.partition", code: "partition_mismatch", message: "Not the name of this partition." }],
  });
}

/** What a reader does whose cursor is past the head, by what it reads. */
const adviceAhead = {
  messages: "Drop what was confirmed, and sync without sinceEventId.",
  events: "Drop what you have read, and read from the start, with since=0.",
  state: "There is no state after a later one: ask for an earlier event, or leave `at` out.",
} as const;

/**
 * A cursor past the head: the client has seen a log that is gone (a restored backup), or never was. `reads`: what it reads.
 *
 * @throws Refusal
 */
export function assertNotAhead(
  head: Head,
  eventId: number | undefined,
  reads: keyof typeof adviceAhead = "messages",
): void {
  if (eventId === undefined || eventId <= head.eventId) return;
  const failure: Failure = {
    code: "cursor_ahead",
    detail: `The log ends at event ${head.eventId}. ${adviceAhead[reads]}`,
    currentEventIndex: head.eventId,
  };
  throw new Refusal(failure);
}
