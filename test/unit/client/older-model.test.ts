import * as z from "zod/mini";
import { describe, expect, it } from "vitest";
import type { AnyModel } from "../../../src/model/index.ts";
import { defineModel, defineSaga, sagaEvents, sagaIn, withSagas } from "../../../src/model/index.ts";
import type { SocketEvents } from "../../../src/client/transport/ports.ts";
import { TestPartition } from "../../support/partition.ts";
import { FakeWorld, settle } from "./harness.ts";

const notes = defineModel({
  name: "notes",
  version: 1,
  initialState: () => ({ texts: {} as Record<string, string> }),
  events: {
    write: {
      payload: z.strictObject({ note: z.string(), text: z.string() }),
      reduce: ({ texts }, { payload: { note, text } }) => void (texts[note] = text),
    },
  },
});

const publish = defineSaga("publish", {
  input: z.strictObject({ note: z.string() }),
  steps: [{ do: ({ note }) => ({ partition: "paper", type: "print", payload: { note } }) }],
});

/** The same model, when it has got a saga. */
const withPublishing = defineModel({
  ...notes,
  ...withSagas(notes),
  version: 2,
  events: { ...withSagas(notes).events, ...sagaEvents(publish) },
});

/** A client of a partition, over a connection that can be lost. */
class Person {
  readonly world = new FakeWorld();
  readonly #room: TestPartition;
  #lose: () => void = () => {};

  constructor(room: TestPartition) {
    this.#room = room;
  }

  connect(clientId: string, model: AnyModel) {
    const open = (_url: string, events: SocketEvents) => {
      const connection = this.#room.open();
      let received = 0;
      let open = true;
      const deliver = () => {
        for (const frame of connection.frames.slice(received)) queueMicrotask(() => open && events.received(frame));
        received = connection.frames.length;
      };
      queueMicrotask(() => events.opened());
      this.#lose = () => {
        open = false;
        events.closed(1006, "");
      };
      return {
        send: (frame: string) => {
          if (!open || !(JSON.parse(frame) as { id?: string }).id) return;
          connection.raw(frame);
          deliver();
        },
        close: () => {},
      };
    };
    return this.world.client({ clientId, model: model as never, ports: { ...this.world.ports, open } });
  }

  /** The connection ends, as when the server is replaced; it comes back after a while. */
  async lose(): Promise<void> {
    this.#lose();
    await this.world.pass(60_000);
  }
}

describe("a client of the model before, when its model gets sagas", () => {
  it("[MD-5] [LC-5] [TX-14] goes on submitting, keeps what it shows, and shows that it has to be reloaded", async () => {
    const room = new TestPartition({ model: notes as unknown as AnyModel });
    const person = new Person(room);
    const old = person.connect("old", notes as unknown as AnyModel);
    await settle();
    expect((await old.submit("write", { note: "a", text: "one" })).status).toBe("accepted");
    expect(old.status).toMatchObject({ status: "online", loaded: true });

    room.restart(withPublishing as unknown as AnyModel);
    // What its log has is the state of the new model, which has room for sagas.
    expect(room.state()).toEqual({ texts: { a: "one" }, sagas: { runs: {}, open: 0, ended: 0 } });
    await person.lose();
    const still = { status: "online", reason: "upgrade_required", waiting: "reload", loaded: true };
    expect(old.status).toMatchObject(still);
    const verdict = old.submit("write", { note: "b", text: "two" });
    await person.world.pass(1_000);
    expect((await verdict).status).toBe("accepted");

    // Somebody with the new version starts a saga. The old client cannot fold it, and stands still.
    const reloaded = new Person(room);
    const now = reloaded.connect("new", withPublishing as unknown as AnyModel);
    await settle();
    const started = now.submit("publish.start", { saga: "s", input: { note: "a" } });
    await reloaded.world.pass(1_000);
    expect((await started).status).toBe("accepted");
    expect(sagaIn(now.state as never, "s")).toMatchObject({ state: "in_progress" });
    expect(now.state.texts).toEqual({ a: "one", b: "two" });
    await person.world.pass(10_000);
    expect(old.status).toMatchObject(still);
    expect(old.state).toEqual({ texts: { a: "one", b: "two" } });

    // What the old client knows nothing of it cannot start.
    expect(await old.submit("publish.start", { saga: "t", input: { note: "b" } })).toMatchObject({
      status: "rejected",
      local: true,
    });
    // It is reloaded, with the new version.
    await old.close();
    const again = person.connect("old", withPublishing as unknown as AnyModel);
    await person.world.pass(1_000);
    expect(again.status).toMatchObject({ status: "online", loaded: true });
    expect(again.status.waiting).toBeUndefined();
    expect(sagaIn(again.state as never, "s")).toMatchObject({ state: "in_progress" });
  });
});
