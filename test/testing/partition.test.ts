import { describe, expect, it } from "vitest";
import { testAuthority, testPartition } from "../../src/testing/index.ts";
import { seats } from "../support/seats.ts";
import { dayMs, shop, shopEffects, stock } from "./models.ts";

describe("a partition in memory", () => {
  it("[EC-3] decides between two clients whose network a test cuts", async () => {
    const partition = testPartition(seats);
    const [ada, bob] = [await partition.connect("ada"), await partition.connect("bob")];
    bob.cut();
    const late = bob.client.submit("book", { seat: "A1", name: "Bob" });
    expect(bob.client.state.taken).toEqual({ A1: "Bob" });
    const verdict = await ada.client.submit("book", { seat: "A1", name: "Ada" });
    expect(verdict).toMatchObject({ status: "accepted", eventId: 1 });
    await partition.settle();
    expect(bob.client.state.taken).toEqual({ A1: "Bob" });

    bob.restore();
    expect(await late).toMatchObject({ status: "rejected", problem: { errors: [{ code: "TAKEN" }] } });
    await partition.settle();
    expect(bob.client.state).toEqual(await partition.state());
    expect(await partition.log()).toHaveLength(1);
  });

  it("[EC-3] reads a state that is sent in pieces", async () => {
    const partition = testPartition(seats);
    const ada = await partition.connect("ada");
    // A piece has about 64 Ki UTF-16 units.
    const taken = { A1: "a".repeat(50_000), A2: "b".repeat(50_000) };
    for (const [seat, name] of Object.entries(taken)) await ada.client.submit("book", { seat, name });
    expect((await partition.state()).taken).toEqual(taken);
  });

  it("[EC-3] counts a draft once whose answer was lost", async () => {
    const partition = testPartition(seats);
    const ada = await partition.connect("ada");
    ada.loseAnswers();
    const booked = ada.client.submit("book", { seat: "A1", name: "Ada" });
    await partition.settle();
    expect(await partition.log()).toHaveLength(1);
    expect(ada.client.pending).toHaveLength(1);
    ada.restore();
    expect(await booked).toMatchObject({ status: "accepted", eventId: 1 });
    expect(await partition.log()).toHaveLength(1);
  });

  it("[EC-3] keeps what was acknowledged when its process ends, and what was queued when the client's does", async () => {
    const partition = testPartition(seats);
    const ada = await partition.connect("ada");
    await ada.client.submit("book", { seat: "A1", name: "Ada" });
    partition.restart();
    await partition.settle();
    expect(ada.client.status.status).toBe("online");
    ada.cut();
    void ada.client.submit("book", { seat: "A2", name: "Ada" });
    await ada.client.flushed();
    ada.restart();
    ada.restore();
    await partition.settle();
    expect(await partition.state()).toMatchObject({ taken: { A1: "Ada", A2: "Ada" } });
    expect(partition.errors).toEqual([]);
  });

  it("[EC-3] checks the permissions of a device", async () => {
    const partition = testPartition(seats);
    const guest = await partition.connect("guest", { permissions: ["read"] });
    const verdict = await guest.client.submit("book", { seat: "A1", name: "Guest" });
    expect(verdict).toMatchObject({ status: "rejected", problem: { code: "forbidden", layer: "permission" } });
  });

  it("[EC-3] delivers effects, and fires timers when a test advances the time", async () => {
    const authority = testAuthority({ models: { shop, stock }, effects: [shopEffects] });
    const partition = authority.partition("shop", shop);
    const till = await partition.connect("till");
    for (const order of ["o-1", "o-2"]) await till.client.submit("pay", { order });
    await authority.settle();
    expect(authority.webhooks.map(({ type, payload }) => [type, payload])).toEqual([
      ["order.paid", { order: "o-1" }],
      ["order.paid", { order: "o-2" }],
    ]);
    expect(authority.messages.map(({ queue, payload }) => [queue, payload])).toEqual([
      ["MAIL", { order: "o-1" }],
      ["MAIL", { order: "o-2" }],
    ]);
    expect(till.client.state).toMatchObject({ reserved: 1, soldOut: 1, reviews: 0 });
    expect(partition.timers).toMatchObject([{ key: "o-1", at: authority.now + dayMs, type: "askForReview" }, {}]);
    await authority.advance(dayMs - 1);
    expect(till.client.state.reviews).toBe(0);
    await authority.advance(1);
    await authority.settle();
    expect(till.client.state.reviews).toBe(2);
    expect(partition.timers).toEqual([]);
  });

  it("[EC-3] lets code of the server write and read, with the same verdicts", async () => {
    const partition = testPartition(seats);
    const cron = partition.as("server:cron");
    const write = () => cron.submit("book", { seat: "A1", name: "Ada" }, { key: "monday" });
    const first = await write();
    expect(first).toMatchObject({ status: "accepted", eventId: 1 });
    expect(await write()).toEqual(first);
    const taken = await cron.submit("book", { seat: "A1", name: "Bob" }, { key: "tuesday" });
    expect(taken).toMatchObject({ status: "rejected", problem: { status: 422, errors: [{ code: "TAKEN" }] } });
    const reused = await cron.submit("book", { seat: "A2", name: "Ada" }, { key: "monday" });
    expect(reused).toMatchObject({ status: "refused", problem: { code: "idempotency_key_reused" } });
    const batch = await cron.submitBatch(
      "sequential",
      [
        { type: "book", payload: { seat: "A2", name: "Ada" }, key: "w-1" },
        { type: "book", payload: { seat: "A3", name: "Ada" }, key: "w-2" },
        { type: "book", payload: { seat: "A4", name: "Ada" }, key: "w-3" },
      ],
      { key: "wednesday" },
    );
    expect(batch).toMatchObject({
      status: "rejected",
      results: [
        { draftId: "w-1", status: "accepted", eventId: 2 },
        { draftId: "w-2", status: "rejected", problem: { code: "invariant_violated", status: 422 } },
        { draftId: "w-3", status: "not_processed" },
      ],
    });
    expect(await cron.state({ at: 1 })).toEqual({ state: { taken: { A1: "Ada" }, capacity: 2 }, eventIndex: 1 });
    expect(await cron.events({ since: 1 })).toMatchObject({ events: [{ eventId: 2 }], currentEventIndex: 2 });
    await expect(cron.events({ since: 9 })).rejects.toMatchObject({ problem: { code: "cursor_ahead" } });
    await expect(cron.submit("book", { seat: "A", name: "B" }, { key: "" })).rejects.toThrow(TypeError);
  });
});
