import type { QueueEntry } from "../stores/store.ts";
import type { Identity } from "../sync/identity.ts";
import type { Ports } from "../transport/ports.ts";

/** All clients of a browser, or of a program, hear on it who has signed out. */
const channelName = "partita:sign-out";

/** Who has signed out: from one partition, or from all. */
export interface SignedOut extends Identity {
  host: string;
  partition?: string;
}

/** Listens for users that sign out elsewhere. Undefined where there is no such channel. */
export function listenForSignOut(
  ports: Ports,
  heard: (who: SignedOut) => void,
): ReturnType<NonNullable<Ports["channel"]>> {
  return ports.channel?.(channelName, (message) => heard(message as SignedOut));
}

/** What of a partition is not decided yet. */
export interface Unsent {
  partition: string;
  entries: readonly QueueEntry[];
}

/** Asks whether undecided drafts may be deleted; false: nothing is deleted. */
export type ConfirmDeletion = (unsent: readonly Unsent[]) => boolean | Promise<boolean>;
