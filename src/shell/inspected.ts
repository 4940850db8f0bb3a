import type { Partition } from "../core/index.ts";
import type { RejectionFilter } from "../storage/port.ts";
import { answerJson, type HttpAnswer } from "../wire/partita/answers.ts";
import type { Connection } from "./connection.ts";
import type { Verification } from "./verification.ts";

/** What an operator asks for; `skip` and `limit` are of a list. */
export type Inspected =
  | { what: "overview" }
  | { what: "event"; eventId: number }
  | { what: "rejections"; filter: RejectionFilter; before?: number | undefined; limit: number }
  | { what: "connections" | "timers"; skip: number; limit: number };

/** Answers an operator who looks into a partition. It changes nothing. */
export function inspect(
  inspection: NonNullable<Partition["inspection"]>,
  connections: ReadonlySet<Connection>,
  { last }: Verification,
  asked: Inspected,
  now: number,
): HttpAnswer {
  switch (asked.what) {
    case "overview":
      return answerJson({ ...inspection.overview(now), verified: last });
    case "event":
      return answerJson(inspection.event(asked.eventId, now));
    case "rejections":
      return answerJson(inspection.rejections(asked.filter, asked.before, asked.limit, now));
    case "timers":
      return answerJson(inspection.timers(asked.skip, asked.limit, now));
    case "connections": {
      const { skip, limit } = asked;
      const page = [...connections].slice(skip, skip + limit).map(({ inspected }) => inspected);
      const next = skip + page.length < connections.size ? { next: skip + page.length } : {};
      return answerJson({ connections: page, total: connections.size, ...next });
    }
  }
}
