import { describe, expect, it } from "vitest";
import { restoredSession } from "../../src/wire/partita/options.ts";
import { type Message, TestPartition } from "../support/partition.ts";

const author = { principal: "ann", permissions: "all" as const };

/** An attachment as the version before dialects wrote it. */
const earlier = (arrays: boolean) => ({
  author,
  awaitsToken: false,
  client: { clientId: "phone", echo: true, arrays, credit: undefined, draftIds: true, peerId: undefined },
  behind: undefined,
  told: undefined,
  held: undefined,
  presence: undefined,
  provisionalLogId: undefined,
});

describe("a socket that was attached by an earlier version", () => {
  it.each([
    ["as arrays where it asked for them", true, 1],
    ["one message a frame otherwise", false, 2],
  ])("[WP-10] [WP-7] is still connected, and receives %s", (_, arrays, frames) => {
    const room = new TestPartition();
    const woken = room.attach(restoredSession(earlier(arrays)));
    woken.submit("d1", "set", { target: "n", value: 1 });
    expect(woken.of("event_accepted").concat(woken.of("broadcast"))).toHaveLength(2);
    expect(woken.frames).toHaveLength(frames);
    const page = woken.send("sync", { sinceEventId: 0 })[0] as Message;
    expect(page.payload.events).toMatchObject([{ draftId: "d1", event: { clientId: "phone" } }]);
  });

  it("[WP-10] that had not connected yet connects", () => {
    const room = new TestPartition();
    const woken = room.attach(restoredSession({ ...earlier(false), client: undefined }));
    woken.connect("phone", { frames: "array" });
    expect(woken.received).toEqual(["connected"]);
    // What this version keeps is restored as it is.
    expect(restoredSession(woken.saved)).toEqual(woken.saved);
    expect(woken.saved.wire).toEqual({ arrays: true });
  });
});
