import * as z from "zod/mini";
import { bounds } from "../../protocol/index.ts";

// What an import sends and receives. Of an event only its place is checked here: the rest is judged as a draft is.

const importedEvent = z
  .looseObject({
    committedId: z
      .int()
      .check(z.positive(), z.meta({ description: "Its place: the log has the event before it, and none behind." })),
    id: z
      .string()
      .check(
        z.minLength(1),
        z.maxLength(bounds.idLengthMax),
        z.meta({ description: "Its id on the other server, by which clients of Insieme know it." }),
      ),
    serverTs: z
      .int()
      .check(
        z.nonnegative(),
        z.meta({ description: "Milliseconds since 1970. Not before that of the event before it, and not after now." }),
      ),
  })
  .check(z.meta({ description: "An event as in `event_broadcast` of the Insieme wire (docs/PROTOCOL.md, 18.2)." }));

export const importShape = z
  .strictObject({ events: z.array(importedEvent).check(z.minLength(1), z.maxLength(bounds.batchEventsMax)) })
  .check(z.meta({ ref: "Import", description: "The next events of the log, in their order." }));

export const importAnswer = z
  .object({
    imported: z.int().check(z.meta({ description: "How many of them are in the log now: send the others again." })),
  })
  .check(z.meta({ ref: "Imported" }));
