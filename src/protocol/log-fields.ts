// What a log line consists of, and what each field means. docs/LOGS.md is made from this table.

/** What the value of a field is: text, a number, or true or false. */
interface Field {
  readonly is: "text" | "number" | "flag";
  readonly means: string;
}

/** Every field that a line can have, besides `level`, `timestamp`, `event` and `message`. */
export const logFields = {
  // Whose line it is.
  traceId: {
    is: "text",
    means: "trace id of the request or the delivery: 32 hexadecimal digits, as in `Partita-Trace-Id` and in problems",
  },
  tenant: { is: "text", means: "name of the tenant" },
  partition: { is: "text", means: "name of the partition" },
  principal: { is: "text", means: "who submitted: the subject of the token" },
  draftId: { is: "text", means: "idempotency key of the submission" },
  eventId: { is: "number", means: "id of the event" },
  correlationId: { is: "text", means: "`<incarnation>:<eventId>` of the first event of a chain of effects" },
  code: { is: "text", means: "error code, as in problems" },
  // What went wrong.
  error: { is: "text", means: "what was thrown; only here, never in an answer" },
  reason: { is: "text", means: "why, in a sentence or a word" },
  detail: { is: "text", means: "more about `reason`" },
  // What it is about.
  endpoint: { is: "text", means: "id of a webhook endpoint" },
  state: { is: "text", means: "state of the endpoint" },
  paused: { is: "flag", means: "whether the endpoint is paused" },
  effectId: { is: "text", means: "`<incarnation>:<eventId>:<n>`; `webhook-id` of a message" },
  destination: { is: "text", means: "partition, queue or type of webhook that an effect is for" },
  lane: { is: "text", means: "the effects for one destination" },
  saga: { is: "text", means: "id of a saga" },
  timer: { is: "text", means: "key of a timer" },
  kind: { is: "text", means: "kind of a job, or of a revocation" },
  key: { is: "text", means: "key of a job" },
  id: { is: "text", means: "what is revoked: a subject or the id of a token" },
  object: { is: "text", means: "name of an object that adds up metrics" },
  resource: { is: "text", means: "name of a bound" },
  action: { is: "text", means: "what an administrator asks for, as in `GET /v1/audit`" },
  details: { is: "text", means: "what exactly, as JSON" },
  override: { is: "text", means: "limits that were set, as JSON" },
  // How much.
  attempt: { is: "number", means: "which attempt failed, from 1" },
  status: { is: "number", means: "HTTP status that the endpoint answered" },
  count: { is: "number", means: "how many" },
  used: { is: "number", means: "how much of the bound is used" },
  max: { is: "number", means: "the bound" },
  percent: { is: "number", means: "part of the bound that was reached" },
  seconds: { is: "number", means: "duration in seconds" },
  connections: { is: "number", means: "open connections" },
  of: { is: "number", means: "the event up to which there is something to do" },
  foldingMs: { is: "number", means: "duration of folding, in milliseconds" },
  storingMs: { is: "number", means: "duration of storing, in milliseconds" },
  died: { is: "flag", means: "whether the effect became a dead letter" },
} as const satisfies Readonly<Record<string, Field>>;

export type LogField = keyof typeof logFields;

type Values = { text: string; number: number; flag: boolean };

/** The values of a line's fields. A field that is undefined is not written. */
export type LogValues = { readonly [Name in LogField]?: Values[(typeof logFields)[Name]["is"]] | undefined };
