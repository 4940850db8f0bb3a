import type * as z from "zod/mini";
import type { Failure, JsonObject } from "../protocol/index.ts";
import type { DerivedHost, StateIndex } from "./state-index.ts";

/** A type with everything in it readonly; a state of any JSON is unchanged. */
export type DeepReadonly<T> = JsonObject extends T
  ? T
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** An event as the model's functions receive it: its payload upcast to the current version. */
export interface ModelEvent<Payload> {
  readonly type: string;
  readonly payload: Payload;
  /** Milliseconds since 1970: the time of the commit; for a draft on a client, the client's time. */
  readonly timestamp: number;
  /** The client that submitted it: a label, not an identity. Empty if the model hides its authors. */
  readonly clientId: string;
  /**
   * Who did it, as the model's `authors` says: the same on the server, in replay and on every client, also for a draft
   * that its client shows before its event has come. Undefined: the model shows nobody.
   */
  readonly author?: string | undefined;
  /** Which part of the project it is about, where its submitter has said so. */
  readonly label?: string | undefined;
  /** The user that its submitter has named. */
  readonly userId?: string | undefined;
  /** What else its client has noted. */
  readonly meta?: JsonObject | undefined;
}

/** Who acts, for `authorize`. */
export interface Who {
  /** The verified subject. */
  readonly principal: string;
  /** The same as the `author` of its events. */
  readonly author: string | undefined;
}

/**
 * What events say of the principals who made them. `shown`: the principal itself. `pseudonym`: a name that is stable
 * within a partition, and that cannot be computed from the principal. `hidden`: nothing, not even the client id.
 */
export type AuthorsShown = "shown" | "pseudonym" | "hidden";

/** What a reducer may use besides the state and the event. It is the same on the server, in replay and on the client. */
export interface ReduceContext {
  /**
   * A map derived from `container`, for example from ids to nodes: built by `build` at first use, updated by the
   * reducers, rolled back with the state, never stored. It belongs to the container: a container that is replaced
   * loses its indexes. `name` distinguishes several indexes of one container. Its values are JSON values, or
   * containers of the state.
   *
   * `build` receives the container itself, because a proxy per node would cost more than the state (measured:
   * test/bench/state.ts). It must not change it, and reads nothing else.
   */
  index<C extends object, V>(
    container: C,
    name: string,
    build: (container: C) => Iterable<readonly [string, V]>,
  ): StateIndex<V>;
  /**
   * A structure of the model's own that is derived from `container`, where a map is not enough. As with `index`, but:
   * `build` returns the structure, which journals its changes by `host`; and it is kept when the step in which it
   * was built is undone. Therefore reducers derive it before they change what it is derived from.
   */
  derive<C extends object, D>(container: C, name: string, build: (container: C, host: DerivedHost) => D): D;
  /**
   * Moves the item of `from` at index `at` into `to`, to the index `target` after the removal. Other than by
   * `splice`, the cost does not depend on what is in the item, because it is not searched for `to`: the model knows
   * that `to` is not inside it.
   */
  move<T>(from: T[], at: number, to: T[], target: number): void;
}

/** What a validator may use. */
export interface ValidationContext extends ReduceContext {
  /** The last committed event id; 0 if the log is empty. */
  readonly head: number;
  /** The principal that submits: the verified subject. */
  readonly principal: string;
  /** The name of this partition; undefined where a client judges its own draft, and in a replay. */
  readonly partition?: string | undefined;
}

/** Why a validator rejects a draft. `field` is relative to the event, as `payload.value.id`. */
export interface Objection {
  field: string;
  code: string;
  message: string;
}

/** The payload of an event type, as it is submitted; any object, where the types of the model are not known. */
export type PayloadOf<
  Payloads extends Record<string, z.core.$ZodType>,
  Type extends keyof Payloads,
> = string extends keyof Payloads ? JsonObject : z.core.input<Payloads[Type]>;

/** A draft that undoes an event, together with the others of its list: of the same model, its payload of the current version. */
export type Compensation<Payloads extends Record<string, z.core.$ZodType> = Record<string, z.core.$ZodType>> = {
  [Type in keyof Payloads & string]: { type: Type; payload: PayloadOf<Payloads, Type> };
}[keyof Payloads & string];

/**
 * How drafts of a type are merged with what was committed since they were made, on the server and on every client.
 * Pure, and for all payloads that were made on one state: `a` and then `map(b, a, …)` lead to the same state as `b` and
 * then `map(a, b, …)`, if one of them is `first` and the other is not.
 */
export interface Transformation<S, Payload> {
  /**
   * Returns the payload that does after `over` what `payload` does before it: both were made on the same state. `over`
   * is an event of a type that is transformed, too, of the same entity, in its current version. `first`: where both
   * claim one place, that of `payload` is the first one. Objections: it was not made on that state.
   */
  map(payload: Payload, over: Pick<ModelEvent<JsonObject>, "type" | "payload">, first: boolean): Payload | Objection[];
  /**
   * How many parts a payload has, at least 1: mapping takes time in proportion to the parts of both, and the server
   * bounds it by this.
   */
  size(payload: Payload): number;
  /** Returns one payload that does what `earlier` and then `later`, of the same entity, do. */
  compose(earlier: Payload, later: Payload): Payload;
  /** Returns the payload that undoes `payload`, from the state before it. */
  invert(state: DeepReadonly<S>, payload: Payload): Payload;
  /**
   * Returns a payload that leads from one state to the other, as to the entity of `payload`. For a client whose state was
   * replaced, when it is not known by which events.
   */
  between(before: DeepReadonly<S>, after: DeepReadonly<S>, payload: Payload): Payload;
}

/** Why a draft whose type can be undone cannot be undone: the model returns no drafts for it, or one that is too large to be sent. */
export type UndoBlock = "irreversible" | "too_large";

/** One type of event: everything that server and client need to know of it. */
export interface EventDefinition<
  S,
  P extends z.core.$ZodType,
  Payloads extends Record<string, z.core.$ZodType> = Record<string, z.core.$ZodType>,
> {
  /**
   * The schema of the current version's payload. A payload that it would strip, default or transform is rejected,
   * because the payload is stored as it was submitted.
   */
  payload: P;
  /** The current version of the payload; absent: 1. */
  version?: number;
  /** Every version is accepted, and folded as it was submitted: `payload` is the schema of all of them. */
  anyVersion?: true;
  /**
   * The schemas of older versions. A draft of version v is checked against `olderPayloads[v]` before it is upcast, if
   * there is one. Events of the log are not checked again.
   */
  olderPayloads?: { readonly [version: number]: z.core.$ZodType };
  /** `upcast[v]` turns a payload of version v into one of v + 1; one for each older version. */
  upcast?: { readonly [fromVersion: number]: (payload: JsonObject) => JsonObject };
  /** The permission that submitting needs; absent: `submit:<type>`. */
  permission?: string;
  /** The business rules: returns why the current state rejects the event. Undefined or an empty list: it is accepted. */
  validate?(
    state: DeepReadonly<S>,
    event: ModelEvent<z.core.input<P>>,
    context: ValidationContext,
  ): readonly Objection[] | Objection | undefined;
  /** Applies the event to `state`. Deterministic: no clock, no randomness, no input from outside. */
  reduce(state: S, event: ModelEvent<z.core.input<P>>, context: ReduceContext): void;
  /**
   * Returns the drafts that undo the event, computed from the state before it. Several are one atomic batch, in
   * their order; an empty list: it changes nothing; undefined: it cannot be undone. Pure, like `validate`.
   */
  compensate?(
    state: DeepReadonly<S>,
    event: ModelEvent<z.core.input<P>>,
    context: ReduceContext,
  ): readonly Compensation<Payloads>[] | Compensation<Payloads> | undefined;
  /**
   * Only effects, timers and sagas of the server submit it: to tokens, and in open development mode, it is `forbidden`. A
   * client folds it as any other event, and cannot submit it.
   */
  internal?: true;
  /**
   * Only the server can say what comes of it, as of a claim of the first job of a queue: a client judges only its shape,
   * and shows it when it is decided, not before. It is in `client.pending` until then.
   */
  optimistic?: false;
  /** It only makes the state smaller, so it is accepted even when the state has its maximal size. */
  shrinks?: true;
  /**
   * It goes on with what the state has accepted before, as the report of a saga does: so it is accepted even when the state
   * has its maximal size, and as `stateReserveBytes` says above it. Timers and the answers to effects always are.
   */
  settles?: true;
  /**
   * How a draft without `expectedEventId` is treated: the last write wins (default), or it is rejected because it
   * needs one. `transform`: it needs one, too, and is never in conflict. `transform` maps it over the events of such
   * types that were committed since, and the result is committed. So all types that change the same entities need it.
   */
  conflict?: "last-write-wins" | "reject" | "transform";
  /** How drafts are merged; if and only if `conflict` is `transform`. */
  transform?: Transformation<S, z.core.input<P>>;
  /** The part of the state that the event changes, for conflicts; absent: all of it. */
  entity?(event: Pick<ModelEvent<z.core.input<P>>, "type" | "payload">): string;
}

/** The types that are marked as internal, in what `defineModel` infers of the marks. */
export type InternalIn<Marks> = { [Type in keyof Marks]: Marks[Type] extends true ? Type : never }[keyof Marks] &
  string;

/** What partitions of a model accept from others of their tenant. */
export interface Accepted {
  /** The name of a partition, or a prefix of names that ends in `*`. */
  readonly from: string;
  /** The event types. */
  readonly types: readonly string[];
}

/** What an application plugs in. */
export interface ModelDefinition<S extends object, Payloads extends Record<string, z.core.$ZodType>> {
  /** Names the model in logs and snapshots. */
  name: string;
  /** The version of the reducers: increase it when an old log would fold to another state. */
  version: number;
  /** The state before the first event. */
  initialState: () => S;
  events: { [Type in keyof Payloads]: EventDefinition<S, Payloads[Type], NoInfer<Payloads>> };
  /** Named conditions that hold after every event; a draft that would violate one is rejected. */
  invariants?: { readonly [name: string]: (state: DeepReadonly<S>) => boolean };
  /** What events say of their authors; absent: the client id, and no author. A change of it needs a new `version`. */
  authors?: AuthorsShown;
  /**
   * Whether the server proves what is in the log: it signs the root of a Merkle tree over each 1,024 events, if the
   * deployment has a key. What `authors` shows is a part of it: a change of `authors` ends the proofs of earlier events.
   */
  audit?: boolean;
  /** The drafts that effects of other partitions may submit; absent: none. Their principal is `partition:<name>`. */
  accepts?: readonly Accepted[];
  /**
   * Whether the state allows an action: `read`, or the type of an event. Besides the permissions of the token, which
   * are checked too. Absent: everything. Reading is checked at connect, at each read, and after each change; drafts
   * on the server, and before that on their client. Deterministic and fast, like `validate`: a throw allows nothing.
   */
  authorize?(state: DeepReadonly<S>, who: Who, action: "read" | (keyof Payloads & string)): boolean;
  /**
   * Figures of the state for metrics, as how many jobs wait, by names of letters and digits that begin with a small
   * letter; at most `modelGaugesMax`. Read at most once in ten seconds, by the server, between its other work: so take
   * them from counts, and do not go through all of a large state.
   *
   * @param now Milliseconds since 1970.
   */
  gauges?(state: DeepReadonly<S>, now: number, context: ReduceContext): Readonly<Record<string, number>>;
}

/** A model. The payload types of its events are in `Payloads`, for clients; `Internal`: the names of its internal types. */
export interface Model<
  S extends object = object,
  Payloads extends Record<string, z.core.$ZodType> = Record<string, z.core.$ZodType>,
  Internal extends string = never,
> extends ModelDefinition<S, Payloads> {
  /** The types that clients cannot submit. */
  readonly internalTypes: readonly Internal[];
  /** The definition of an event type; undefined if the model does not have it. */
  eventType(type: string): EventDefinition<S, z.core.$ZodType> | undefined;
  /** The definition of a type that clients may submit, or why they may not. */
  submittable(type: string): EventDefinition<S, z.core.$ZodType> | Failure;
  /** The client id that reducers and readers get: empty if the model hides its authors. */
  shownClientId(clientId: string): string;
  /** Why `authorize` does not allow an action, or undefined. `state`: a view of it. Throws what that throws. */
  forbids(state: S, who: Who, action: string): Failure | undefined;
}

/** Any model, where its types do not matter. */
// Reducers are contravariant in the state, so only `any` accepts all of them.
export type AnyModel = Model<any, any, any>;

/**
 * Declares a model. The payload types are inferred from the schemas. The server says what is wrong with it when it starts,
 * and `partita/testing` in each test.
 *
 * @example
 * const counter = defineModel({
 *   name: "counter",
 *   version: 1,
 *   initialState: () => ({ count: 0 }),
 *   events: {
 *     add: {
 *       payload: z.strictObject({ by: z.int() }),
 *       reduce(state, { payload }) {
 *         state.count += payload.by;
 *       },
 *     },
 *   },
 * });
 */
export function defineModel<S extends object, Payloads extends Record<string, z.core.$ZodType>, Marks>(
  definition: ModelDefinition<S, Payloads> & { events: { [Type in keyof Marks]: { internal?: Marks[Type] } } },
): Model<S, Payloads, InternalIn<Marks>> {
  const types = new Map(
    Object.entries(definition.events as unknown as Record<string, EventDefinition<S, z.core.$ZodType>>),
  );
  return {
    ...definition,
    internalTypes: [...types.keys()].filter((type) => types.get(type)!.internal) as InternalIn<Marks>[],
    eventType: (type) => types.get(type),
    submittable(type) {
      const event = this.eventType(type);
      if (!event) return { code: "unknown_event_type", layer: "schema", detail: `There is no "${type}".` };
      return event.internal ? internalOnly(type) : event;
    },
    shownClientId(clientId) {
      return this.authors === "hidden" ? "" : clientId;
    },
    forbids(state, who, action) {
      if (!this.authorize || this.authorize(state as DeepReadonly<S>, who, action as "read") === true) return undefined;
      return { code: "forbidden", layer: "permission", detail: `The state does not allow you "${action}".` };
    },
  };
}

/** Why a type is refused that only the server itself submits. */
export function internalOnly(type: string): Failure {
  return {
    code: "forbidden",
    layer: "permission",
    detail: `"${type}" is internal: only the server submits it.`,
  };
}

/** The name of the permission that submitting `type` needs. */
export function permissionFor(model: AnyModel, type: string): string {
  return model.eventType(type)?.permission ?? `submit:${type}`;
}
