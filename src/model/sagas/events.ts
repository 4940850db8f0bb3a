import * as z from "zod/mini";
import { forbiddenKeys, type JsonObject } from "../../protocol/index.ts";
import type { DeepReadonly, EventDefinition, Objection, ReduceContext, ValidationContext } from "../define.ts";
import { actionOf, objectionToActions } from "./actions.ts";
import type { AnySaga, Saga } from "./define.ts";
import { noteEnding, noteStart } from "./known.ts";
import { begin, goOn, type Move, resume, retry, skip, takeOver, unanswered } from "./moves.ts";
import { objectionToRoom } from "./room.ts";
import { isGoing, type SagaRun, type Sagas, type WithSagas } from "./state.ts";

/** The id of a saga. It is in the keys of its timer and of its steps: so it is short, and of visible ASCII characters. */
const sagaId = z.string().check(
  z.regex(/^[\x21-\x7e]{1,48}$/, { error: "1 to 48 visible ASCII characters." }),
  z.refine((text) => !forbiddenKeys.has(text), { error: "This name is reserved." }),
);
const fence = z.int().check(z.minimum(1));
const about = z.strictObject({ saga: sagaId, fence });

const accepted = z.looseObject({ about });
const rejected = z.looseObject({ about, code: z.string(), detail: z.string() });
const overdue = z.strictObject({ saga: sagaId, fence });
const report = z.strictObject({
  saga: sagaId,
  /** As in the message. */
  fence,
  /** Why it is not done; absent: it is done. */
  rejected: z.optional(
    z.strictObject({
      code: z.string().check(
        z.minLength(1),
        z.maxLength(64),
        // Of a result that is not known another command is right than of a rejection.
        z.refine((code) => code !== unanswered, { error: `"${unanswered}" is the word of the saga itself.` }),
      ),
      detail: z.string().check(z.maxLength(500)),
    }),
  ),
});
const named = z.strictObject({ saga: sagaId });

/** The permission to resume, retry and skip. */
const operatorPermission = "admin:sagas";

/** The payload of `<saga>.start`. */
export interface SagaStart<Input> {
  /** The id of the saga: 1 to 48 visible ASCII characters. */
  saga: string;
  input: Input;
}

/** What was sent, as its answer and its timer name it. */
export type SagaAttempt = {
  saga: string;
  /** Its number: an answer with another one than that of the last counts for nothing. */
  fence: number;
};

/** The payload of `<saga>.report`: what became of a webhook. */
export type SagaReport = SagaAttempt & {
  /** Why it is not done; absent: it is done. */
  rejected?: { code: string; detail: string } | undefined;
};

/** An event type of a saga: undo does not know it. Without `internal`, so that `defineModel` infers which types have it. */
export type SagaEvent<S, Payload, Given = Payload> = Omit<
  EventDefinition<S, z.ZodMiniType<Payload, Given>>,
  "compensate" | "internal" | "transform"
>;

/** An event of the progress of a saga. */
export type SagaProgress<S, Payload> = SagaEvent<S, Payload> & { internal: true };

/** The event types of a saga. */
export type SagaEvents<S, Name extends string, Input extends z.core.$ZodType> = {
  [Type in `${Name}.start`]: SagaEvent<S, SagaStart<z.core.output<Input>>, SagaStart<z.core.input<Input>>>;
} & {
  [Type in `${Name}.accepted`]: SagaProgress<S, { about: SagaAttempt }>;
} & {
  [Type in `${Name}.rejected`]: SagaProgress<S, { about: SagaAttempt; code: string; detail: string }>;
} & {
  [Type in `${Name}.overdue`]: SagaProgress<S, SagaAttempt>;
} & {
  [Type in `${Name}.report`]: SagaEvent<S, SagaReport>;
} & {
  [Type in `${Name}.${"resume" | "retry" | "skip"}`]: SagaEvent<S, { saga: string }>;
};

/** What is given to the functions of the originating partition. */
export interface SagaMoment {
  /** The id of the saga. */
  readonly saga: string;
  /** The time of the event, in milliseconds since 1970. */
  readonly timestamp: number;
  /** Who started it, if the model shows its authors. */
  readonly author: string | undefined;
}

/** What a saga does in the partition in which it runs, in the same events as its progress. */
export interface SagaLocal<S, Input> {
  /** Why it cannot start. */
  validate?(
    state: DeepReadonly<S>,
    input: Input,
    moment: SagaMoment,
    context: ValidationContext,
  ): readonly Objection[] | Objection | undefined;
  /** Changes the state when it starts. */
  started?(state: S, input: Input, moment: SagaMoment, context: ReduceContext): void;
  /** Changes the state when it ends. */
  ended?(
    state: S,
    input: Input,
    moment: SagaMoment & { readonly status: "COMPLETED" | "COMPENSATED" },
    context: ReduceContext,
  ): void;
}

/** The event moves no saga: so it has no effects. */
const still = (sagas: Sagas): void => void delete sagas.moved;

/**
 * The event types of a saga, to be spread into `events` of the model of the partition in which it runs. Its state needs
 * `noSagas()`. `local`: what the saga changes in this partition itself, and its own rules.
 */
export function sagaEvents<S extends WithSagas, const Name extends string, Input extends z.core.$ZodType>(
  saga: Saga<Name, Input>,
  local: SagaLocal<S, z.core.input<Input>> = {},
): SagaEvents<S, Name, Input> {
  type Given = z.core.input<Input>;
  /** A saga that goes on, if the event is about what was sent last. */
  const current = ({ sagas }: WithSagas, id: string, given: number): SagaRun | undefined => {
    const run = sagas.runs[id];
    return run?.saga === saga.name && run.fence === given && isGoing(run) ? run : undefined;
  };
  const step = (
    state: S,
    id: string,
    run: SagaRun,
    { timestamp }: { timestamp: number },
    context: ReduceContext,
    body: (move: Move) => void,
  ): void => {
    body({ sagas: state.sagas, saga, id, run, now: timestamp, context });
    const { status, input, author } = run;
    if (status !== "COMPLETED" && status !== "COMPENSATED") return;
    local.ended?.(state, input as Given, { saga: id, timestamp, author, status }, context);
  };

  const start: SagaEvent<S, SagaStart<z.core.output<Input>>, SagaStart<Given>> = {
    payload: z.strictObject({ saga: sagaId, input: saga.input }) as unknown as z.ZodMiniType<
      SagaStart<z.core.output<Input>>,
      SagaStart<Given>
    >,
    validate(state, event, context) {
      const { saga: id, input } = event.payload;
      const { timestamp, author } = event;
      const { sagas } = state as WithSagas;
      if (sagas.runs[id]) {
        return { field: "payload.saga", code: "NAME_TAKEN", message: `There is a saga "${id}" already.` };
      }
      const full = objectionToRoom(sagas, author, id, input as JsonObject);
      if (full) return full;
      const broken = local.validate?.(state, input, { saga: id, timestamp, author }, context);
      if (broken && (!Array.isArray(broken) || broken.length > 0)) return broken;
      const starting = { saga: id, startedAt: timestamp, author };
      return objectionToActions(saga, input as JsonObject, starting, context.partition);
    },
    reduce(state, { payload: { saga: id, input }, timestamp, author }, context) {
      begin({ sagas: state.sagas, saga, id, input: input as JsonObject, author, now: timestamp, context });
      local.started?.(state, input, { saga: id, timestamp, author }, context);
    },
  };

  noteStart(start, saga);

  /** An event of an operator: a saga that stands still, and what its failure must be. */
  const operator = (
    move: (given: Move) => void,
    fits: (code: string) => boolean,
    misfit: string,
  ): SagaEvent<S, { saga: string }> => ({
    payload: named,
    settles: true,
    permission: operatorPermission,
    validate(state, { payload }) {
      const field = "payload.saga";
      const run = (state as WithSagas).sagas.runs[payload.saga];
      if (run?.saga !== saga.name || run.status !== "FAILED") {
        return { field, code: "NOT_FAILED", message: `There is no failed saga "${payload.saga}".` };
      }
      return fits(run.failure!.code) ? undefined : { field, code: "OTHER_FAILURE", message: misfit };
    },
    reduce(state, event, context) {
      const { saga: id } = event.payload;
      step(state, id, state.sagas.runs[id]!, event, context, move);
    },
  });

  const events = {
    [`${saga.name}.start`]: start,
    [`${saga.name}.accepted`]: {
      internal: true,
      payload: accepted,
      reduce(state, event, context) {
        const { saga: id, fence: given } = event.payload.about;
        const run = current(state, id, given);
        if (run) step(state, id, run, event, context, (move) => goOn(move, { accepted: true }));
        else still(state.sagas);
      },
    } satisfies SagaProgress<S, { about: SagaAttempt }>,
    [`${saga.name}.rejected`]: {
      internal: true,
      payload: rejected,
      reduce(state, event, context) {
        const { about: of, code, detail } = event.payload;
        const run = current(state, of.saga, of.fence);
        if (run) step(state, of.saga, run, event, context, (move) => goOn(move, { accepted: false, code, detail }));
        else still(state.sagas);
      },
    } satisfies SagaProgress<S, { about: SagaAttempt; code: string; detail: string }>,
    [`${saga.name}.overdue`]: {
      internal: true,
      payload: overdue,
      reduce(state, event, context) {
        const run = current(state, event.payload.saga, event.payload.fence);
        if (run) step(state, event.payload.saga, run, event, context, takeOver);
        else still(state.sagas);
      },
    } satisfies SagaProgress<S, SagaAttempt>,
    [`${saga.name}.report`]: {
      payload: report,
      settles: true,
      // Not `submit:…`: what users may submit says nothing of who may say what became of the webhook of somebody else.
      permission: `report:${saga.name}`,
      validate(state, { payload }) {
        const run = current(state as WithSagas, payload.saga, payload.fence);
        if (run && !run.pauses && isMessage(saga, payload.saga, run)) return undefined;
        return { field: "payload.fence", code: "NOT_AWAITED", message: "No report of this number is waited for." };
      },
      reduce(state, event, context) {
        const { saga: id, rejected: why } = event.payload;
        step(state, id, state.sagas.runs[id]!, event, context, (move) =>
          goOn(move, why ? { accepted: false, ...why } : { accepted: true }),
        );
      },
    } satisfies SagaEvent<S, SagaReport>,
    [`${saga.name}.resume`]: operator(resume, (code) => code === unanswered, "It was rejected: retry it, or skip it."),
    [`${saga.name}.retry`]: operator(
      retry,
      (code) => code !== unanswered,
      "Its result is not known: resume it, so that it is not done twice, or skip it.",
    ),
    [`${saga.name}.skip`]: operator(skip, () => true, ""),
  };
  for (const [type, definition] of Object.entries(events)) {
    if (type !== `${saga.name}.start`) noteEnding(definition);
  }
  return events as unknown as SagaEvents<S, Name, Input>;
}

function isMessage(saga: AnySaga, id: string, run: SagaRun): boolean {
  return "webhook" in actionOf(saga, id, run);
}
