import { Schedule } from "./schedule.ts";
import { Submitter, type Work } from "./submitter.ts";
import type { Tally } from "./tally.ts";
import type { Entry } from "./walk.ts";
import { socketAddress, type Wire, WireError } from "./wire.ts";

/** Upper bounds of the options. */
export const connectionsMax = 64;
export const windowMax = 1_024;

export interface ImportOptions {
  /** The server, as `http://127.0.0.1:8787`. */
  url: URL;
  partition: string;
  /** Folders before their contents, as `walk` returns them. */
  entries: readonly Entry[];
  /** How many connections submit, 1 to `connectionsMax`. */
  connections: number;
  /** Drafts in flight on each of them, 1 to `windowMax`. */
  window: number;
  /** Kept current while the import runs. */
  tally: Tally;
  /** Called for every acceptance, on any connection. */
  onAccepted?(draftId: string, eventId: number): void;
  /** Called for every connection that is lost or cannot be opened. */
  onLost?(error: WireError, pauseMs: number): void;
}

/**
 * Submits a folder tree to a partition, and returns when every draft has its verdict. A second run with the same entries
 * continues where the first one ended, because the draft ids are the same.
 *
 * @throws WireError if the server refuses and a retry cannot help, cannot be reached for long, or serves another log than before.
 */
export async function importEntries(options: ImportOptions): Promise<void> {
  const { url, partition, entries, connections, window, tally } = options;
  const schedule = new Schedule(entries);
  const over = new AbortController();
  /** The head before this run. Later events belong to this run. */
  let headBefore = Number.POSITIVE_INFINITY;
  /** The log that gave the first verdict. */
  let logId: string | undefined;

  /** Called after each change: submits more on all connections, or ends if nothing is left. */
  const proceed = () => {
    if (schedule.done) over.abort();
    else for (const submitter of submitters) submitter.pump();
  };
  const workOf = (): Work => {
    let serverId: string | undefined;
    return {
      take: () => schedule.take(),
      giveBack: (drafts) => {
        schedule.giveBack(drafts);
        proceed();
      },
      connected: (wire: Wire) => {
        if (logId !== undefined && wire.serverId !== logId) {
          throw new WireError("the partition's log was replaced during the import: start it again", false);
        }
        serverId = wire.serverId;
        headBefore = Math.min(headBefore, wire.head);
      },
      accepted: (draftId, eventId) => {
        logId ??= serverId;
        options.onAccepted?.(draftId, eventId);
        if (!schedule.accept(draftId)) return;
        if (eventId > headBefore) tally.committed++;
        else tally.replayed++;
        proceed();
      },
      rejected: (draftId, code, errors) => {
        const below = schedule.reject(draftId);
        if (below === undefined) return;
        tally.reject({ draftId, code, errors }, below);
        proceed();
      },
      lost: (error, pauseMs) => {
        tally.lost++;
        options.onLost?.(error, pauseMs);
      },
    };
  };

  const address = socketAddress(url, partition);
  const submitters = Array.from({ length: connections }, () => new Submitter(address, window, workOf(), over.signal));
  try {
    await Promise.all(submitters.map((submitter) => submitter.run()));
  } finally {
    over.abort();
  }
}
