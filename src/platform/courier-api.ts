/** An effect that a partition hands over to the courier of an endpoint. */
export interface CourierRow {
  /** `<incarnation>:<eventId>:<n>`: no other effect ever has it. */
  effectId: string;
  /** The event type of the message. */
  type: string;
  /** JSON text. */
  payload: string;
  /** Of the event that caused it, in milliseconds since 1970. */
  timestamp: number;
  correlationId?: string | undefined;
  /** Of what caused it: 32 hexadecimal digits. Absent: the partition is of an earlier version. */
  traceId?: string | undefined;
  /** The name of the partition, in its tenant. */
  partition: string;
  /** It is not sent while an earlier ordered row of its partition is not delivered. */
  ordered?: boolean | undefined;
}

/** An endpoint, as a partition needs it to know which couriers get a row. */
export interface EndpointRoute {
  id: string;
  /** The types of the messages that it wants; absent: all. */
  types?: readonly string[];
}

/** The state of an endpoint. `pending`: it has to answer a challenge first. `disabled`: it has failed for too long. */
export type EndpointState = "pending" | "active" | "disabled";

/** An endpoint, as its tenant stores it. Times are in milliseconds since 1970. */
export interface Endpoint {
  id: string;
  url: string;
  /** Absent: all. */
  types?: readonly string[];
  state: EndpointState;
  /** Nothing is sent, and what is to be delivered waits. */
  paused: boolean;
  /** The same for the whole tenant; absent: no. Not stored here. */
  tenantPaused?: boolean;
  /** Why it is disabled. */
  reason?: string;
  createdAt: number;
  /** The host name that this server had when the address was set. */
  ownHost: string;
  /** Encrypted, the current one first; then those before the last rotations, the newest first. */
  secrets: readonly EndpointSecret[];
}

/** A secret that signs, encrypted; see `sealSecret`. */
export interface EndpointSecret {
  sealed: string;
  /** It signs up to this time; absent: without an end. */
  until?: number;
}
