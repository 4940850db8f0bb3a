import { type Failure, limits } from "../protocol/index.ts";
import { rejectionRetentionMs } from "./due.ts";
import type { StorageReads } from "../storage/port.ts";
import type { Command } from "./commands.ts";
import type { Page } from "./effects.ts";
import { assertSound, type Live } from "./live.ts";
import { clampLimit, readPage } from "./page.ts";
import { Refusal } from "./refusal.ts";
import type { Session } from "./session.ts";

type Connect = Extract<Command, { kind: "connect" }>;
type Sync = Extract<Command, { kind: "sync" }>;

/** What a request on a connection may look at. */
export interface Scene {
  readonly partition: string;
  readonly modelVersion: number;
  /** The log's id as clients are told it. */
  readonly serverId: string;
  readonly live: Live;
  readonly reads: StorageReads;
  readonly now: number;
}

/** What a client may have to know to stay within bounds. */
const announced = {
  frameBytesMax: limits.frameBytesMax,
  batchEventsMax: limits.batchEventsMax,
  pageEventsMax: limits.pageEventsMax,
  inFlightMax: limits.queueWorkPerConnectionMax,
  stateBytesMax: limits.stateBytesMax,
  rejectionRetentionMs,
};

/** Answers `connect`: who it is, where the log stands, and from where this connection is given events. */
export function connect(scene: Scene, session: Session, command: Connect): void {
  const { live, reads, now } = scene;
  if (session.state.client) {
    throw new Refusal({
      code: "already_connected",
      detail: "This connection has had its connect; nothing was changed.",
    });
  }
  assertPartition(scene, command.partition);
  if (command.modelVersion !== undefined && command.modelVersion !== scene.modelVersion) {
    throw new Refusal({
      code: "upgrade_required",
      detail: `This partition is folded with model version ${scene.modelVersion}: load the application anew.`,
    });
  }
  if (command.initialState && command.sinceEventId !== undefined) {
    throw new Refusal({
      code: "bad_request",
      detail: "Ask for initialState or for the events since sinceEventId, not for both.",
    });
  }
  assertNotAhead(live, command.sinceEventId);
  if (command.initialState) assertSound(live);

  const since = command.sinceEventId;
  const page = since === undefined ? undefined : readPage(reads, since, clampLimit(undefined), live.head);
  session.update({
    client: {
      clientId: command.clientId,
      author: session.state.author ?? { principal: `dev:${command.clientId}`, permissions: "all" },
      echo: command.echo,
      arrays: command.arrays,
      credit: command.credit,
    },
    provisionalLogId: live.logId === undefined ? scene.serverId : undefined,
  });
  session.seen(page ? page.nextSinceEventId : live.head, live.head);
  session.reply({
    kind: "connected",
    requestId: command.requestId,
    now,
    serverId: scene.serverId,
    currentEventIndex: live.head,
    initialState: command.initialState ? live.state.stringify() : undefined,
    sinceSnapshot: command.initialState ? live.head - live.snapshot.eventId : undefined,
    limits: command.limits ? announced : undefined,
  });
  if (page) session.reply({ kind: "page", requestId: command.requestId, now, page });
}

/** Answers `sync`: sets the delivery cursor, and gives the page after it. */
export function sync(scene: Scene, session: Session, command: Sync): void {
  assertPartition(scene, command.partition);
  assertNotAhead(scene.live, command.sinceEventId);
  // Whoever asks for what follows has what was before.
  if (command.sinceEventId !== undefined) session.acknowledge(command.sinceEventId);
  const page = pageFor(scene, command);
  // In the same step as the page: at the head, the next commit is broadcast to this connection.
  session.seen(page.nextSinceEventId, scene.live.head);
  session.reply({ kind: "page", requestId: command.requestId, now: scene.now, page });
}

function pageFor({ live, reads }: Scene, command: Sync): Page {
  const limit = clampLimit(command.limit);
  if (command.sinceEventId !== undefined) return readPage(reads, command.sinceEventId, limit, live.head);
  const { eventId, stateBytes, logBytes } = live.snapshot;
  const worthIt = eventId > 0 && stateBytes < logBytes && stateBytes <= limits.syncSnapshotBytesMax;
  const state = worthIt ? reads.snapshotState(eventId) : undefined;
  if (state === undefined) return readPage(reads, 0, limit, live.head);
  return { ...readPage(reads, eventId, limit, live.head), snapshot: { eventId, state } };
}

function assertPartition(scene: Scene, partition: string | undefined): void {
  if (partition === undefined || partition === scene.partition) return;
  throw new Refusal({
    code: "partition_mismatch",
    detail: `This connection is for partition "${scene.partition}": open another one for another partition.`,
    errors: [{ field: "payload.partition", code: "partition_mismatch", message: "Not the name of this partition." }],
  });
}

/** A cursor past the head: the client has seen a log that is gone (a restored backup), or never was. */
export function assertNotAhead(live: Live, eventId: number | undefined): void {
  if (eventId === undefined || eventId <= live.head) return;
  const failure: Failure = {
    code: "cursor_ahead",
    detail: `The log ends at event ${live.head}. Drop what was confirmed, and sync without sinceEventId.`,
    currentEventIndex: live.head,
  };
  throw new Refusal(failure);
}
