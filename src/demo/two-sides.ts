import type * as z from "zod/mini";
import type { Client } from "../client/index.ts";
import type { WireEvent } from "../protocol/index.ts";
import { Log } from "./log.ts";
import { clientIds } from "./names.ts";
import { part } from "./page.ts";
import { Side } from "./side.ts";

/** Two clients of a partition beside its log. */
export interface TwoSides<S extends object, P extends Record<string, z.core.$ZodType>> {
  left: Side<S, P>;
  right: Side<S, P>;
  /** The panes, by client id. */
  titles: ReadonlyMap<string, string>;
}

/** The side of a client. */
export type SideOf<C> = C extends Client<infer S, infer P> ? Side<S, P> : never;

/** Opens both. `draw` shows the state in them; `describe` returns what the author of an event did. */
export function openSides<S extends object, P extends Record<string, z.core.$ZodType>>(
  partition: string,
  newClient: (clientId: string) => Client<S, P>,
  on: { draw(sides: TwoSides<S, P>): void; describe(event: WireEvent): string },
): TwoSides<S, P> {
  const [leftId, rightId] = clientIds();
  const clients = { Left: newClient(leftId), Right: newClient(rightId) };
  const titles = new Map([
    [leftId, "Left"],
    [rightId, "Right"],
  ]);
  const log = new Log(part(document, "log"), partition, titles, { describe: on.describe });
  let sides: TwoSides<S, P> | undefined;
  const moved = () => {
    if (!sides) return;
    log.paneIsAt("Left", clients.Left.eventId);
    log.paneIsAt("Right", clients.Right.eventId);
    for (const side of [sides.left, sides.right]) side.headIs(log.head);
  };
  const open = (title: keyof typeof clients) => {
    const copy = document.importNode(part(document, "pane", HTMLTemplateElement).content, true);
    const element = part(copy, "section");
    part(document, "panes").append(copy);
    clients[title].on("reset", ({ why }) => why !== "far_behind" && log.clear());
    return new Side(element, { client: clients[title], title, draw: () => sides && on.draw(sides), moved });
  };
  sides = { left: open("Left"), right: open("Right"), titles };
  return sides;
}
