import * as z from "zod/mini";
import { bounds } from "../../protocol/index.ts";
import { isItemId } from "../../wire/insieme/items.ts";

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

const annotation = z.string().check(z.minLength(1), z.maxLength(bounds.annotationLengthMax));

const exportedEvent = z
  .looseObject({
    eventId: z
      .int()
      .check(z.positive(), z.meta({ description: "Its place: the log has the event before it, and none behind." })),
    draftId: z.optional(
      z
        .string()
        .check(
          z.refine(isItemId, { error: `Use 1 to ${bounds.idLengthMax} characters, none of them a control character.` }),
          z.meta({ description: "Its id on the Insieme wire, if it has one." }),
        ),
    ),
    event: z.looseObject({
      type: z.string(),
      timestamp: z.int().check(z.nonnegative()),
      clientId: z.string().check(z.maxLength(bounds.idLengthMax)),
      author: z.optional(z.string().check(z.minLength(1))),
      label: z.optional(annotation),
      userId: z.optional(annotation),
      meta: z.optional(z.looseObject({})),
    }),
  })
  .check(z.meta({ description: "An event as in `GET events?authors=true&annotations=true&draftIds=true`." }));

const listOf = <Item extends z.ZodMiniType>(item: Item) =>
  z.optional(z.array(item).check(z.minLength(1), z.maxLength(bounds.batchEventsMax)));

export const importShape = z.strictObject({ events: listOf(importedEvent), log: listOf(exportedEvent) }).check(
  z.refine(({ events, log }) => (events === undefined) !== (log === undefined), {
    error: "Send either events or log.",
    path: ["events"],
  }),
  z.meta({
    ref: "Import",
    description:
      "The next events of the log, in their order: `events` of a server of the package `insieme`, or `log`, as this server exports it.",
  }),
);

export const importAnswer = z
  .object({
    imported: z.int().check(z.meta({ description: "How many of them are in the log now: send the others again." })),
  })
  .check(z.meta({ ref: "Imported" }));
