import type { Author, Failure } from "../../protocol/index.ts";
import type { Imported, Submission } from "../commands.ts";
import type { EventRow, Storage, StorageWrites } from "../../storage/port.ts";
import type { Review, TypedDraft } from "../decide/review.ts";
import type { CatchUps } from "../delivery/catch-ups.ts";
import type { Caused, CausedTotals } from "../effects/totals.ts";
import type { DueTimer } from "../timers/timers.ts";
import type { Environment } from "../environment.ts";
import type { Outcome, Peer } from "../replies.ts";
import type { Limiter } from "../rates/limiter.ts";
import type { Live } from "../live.ts";
import type { Window } from "./window.ts";

/** What reading work of a window is done with. Its trace ids are new ones, unless the work has come with one: `traced`. */
export interface WindowContext extends Environment {
  readonly live: Live;
  /** The id of this object's lifetime. */
  readonly incarnation: string;
  readonly limiter: Limiter;
  readonly catchUps: CatchUps;
  /** Undefined: no event causes anything here. */
  readonly causing: Causing | undefined;
  /** Undefined: events of another server are not taken. */
  readonly decideImported: DecideImported | undefined;
  readonly window: Window;
  readonly now: number;
  /** The trace id that the work has come with. */
  readonly traceId?: string | undefined;
  /** Whether there are connections to look after, because their peers can vanish. */
  readonly attended: boolean;
  /** Why this author's token is refused, which was good when it was verified, or undefined. */
  refusalOf(author: Author): Failure | undefined;
  /** The log's id as clients receive it. */
  serverId(live: Live): string;
  /** All connections that show something of themselves. */
  peers(): readonly Peer[];
  /** A new connection of this principal takes the place of the peer `peerId`. */
  replacePeer(peerId: string, principal: string): void;
}

/** What commits are decided with where events cause something. See `effects/caused.ts` and `timers/fire.ts`. */
export interface Causing {
  letterCount(live: Live, storage: Storage): number;
  causedBy(review: Review, typed: TypedDraft): Caused | undefined;
  excessOf(totals: CausedTotals, review: Review): Failure | undefined;
  writeCaused(context: WriteContext, row: EventRow, caused: Caused): void;
  fire(context: WriteContext, timer: DueTimer, decide: () => Outcome): Outcome | undefined;
}

/** Decides one event of another server. */
export type DecideImported = (
  context: WriteContext,
  author: Author,
  clientId: string,
  submission: Submission,
  imported: Imported,
) => Outcome;

/** What the work of a window is done with in its transaction. */
export interface WriteContext extends WindowContext {
  readonly writes: StorageWrites;
}

/** The same context for work that has a trace id: its problems and log lines have it, too. */
export function traced<S extends WindowContext>(context: S, traceId: string | undefined): S {
  if (traceId === undefined) return context;
  const { ports } = context;
  return { ...context, traceId, ports: { ...ports, random: { ...ports.random, traceId: () => traceId } } };
}
