import type { CourierRow } from "../platform/courier-api.ts";
import type { Named } from "../platform/rpc.ts";
import type { Failure } from "../protocol/index.ts";
import { named } from "./calls.ts";

/** The answer to a challenge or a test. */
export interface EndpointAnswer {
  /** The status of the answer; absent: there was none. */
  status?: number;
  /** What was wrong; absent: nothing. */
  reason?: string;
}

/** The state of the deliveries of an endpoint: see `CourierStatus`. */
export interface CourierStatusAnswer {
  waiting: number;
  deadLetters: number;
  bytes: number;
  breaker: "closed" | "open" | "half_open";
  failingSince?: number;
}

/** A dead letter; `payload` (JSON text) where one was asked for. Times are in milliseconds since 1970. */
export interface DeadLetter {
  effectId: string;
  /** Its place in the order of the endpoint: pages go on after it. */
  seq: number;
  partition: string;
  type: string;
  timestamp: number;
  correlationId?: string;
  ordered: boolean;
  diedAt: number;
  attempts: number;
  status?: number;
  reason?: string;
  payload?: string;
}

/** The remote methods of a courier. */
export interface CourierRpc {
  acceptWith(asked: Named<{ rows: readonly CourierRow[] }>): Promise<void>;
  /** The tenant has changed the endpoint. */
  changedWith(asked: Named): Promise<void>;
  statusWith(asked: Named): Promise<CourierStatusAnswer>;
  /** Sends a challenge, and activates the endpoint if it answers. */
  challengeWith(asked: Named): Promise<EndpointAnswer | Failure>;
  /** Sends a test message. */
  testWith(asked: Named): Promise<EndpointAnswer | Failure>;
  deadLettersWith(asked: Named<{ after: number; limit: number }>): Promise<DeadLetter[]>;
  deadLetterWith(asked: Named<{ effectId: string }>): Promise<DeadLetter | undefined>;
  /** Returns how many are sent again; absent `effectId`: the first ones, a bounded number. */
  replayWith(asked: Named<{ effectId?: string | undefined }>): Promise<number>;
  /** Returns whether there was one. */
  discardWith(asked: Named<{ effectId: string }>): Promise<boolean>;
}

/** The calls of a courier. */
export type CourierCalls = ReturnType<typeof courierCalls>;

/** The calls of the object of `stub`. */
export function courierCalls(stub: CourierRpc) {
  return {
    accept: (asked: { rows: readonly CourierRow[] }): Promise<void> => stub.acceptWith(named(asked)),
    changed: (): Promise<void> => stub.changedWith(named({})),
    status: (): Promise<CourierStatusAnswer> => stub.statusWith(named({})),
    challenge: (): Promise<EndpointAnswer | Failure> => stub.challengeWith(named({})),
    test: (): Promise<EndpointAnswer | Failure> => stub.testWith(named({})),
    deadLetters: (asked: { after: number; limit: number }): Promise<DeadLetter[]> => stub.deadLettersWith(named(asked)),
    deadLetter: (asked: { effectId: string }): Promise<DeadLetter | undefined> => stub.deadLetterWith(named(asked)),
    replay: (asked: { effectId?: string | undefined }): Promise<number> => stub.replayWith(named(asked)),
    discard: (asked: { effectId: string }): Promise<boolean> => stub.discardWith(named(asked)),
  };
}
