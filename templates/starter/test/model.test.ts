import { simulate, testPartition } from "partita/testing";
import { expect, it } from "vitest";
import { tasks } from "../src/model.ts";

it("finds nothing wrong in random runs, with networks that are cut and processes that are killed", async () => {
  const { accepted } = await simulate(tasks, { seeds: 50 });
  // A type that was never accepted was not tested: this includes the types that you add to the model.
  expect(Object.keys(accepted).toSorted()).toEqual(Object.keys(tasks.events).toSorted());
}, 60_000);

it("shows an offline change at once, and rejects it where the task was removed meanwhile", async () => {
  const list = testPartition(tasks);
  const ada = await list.connect("ada");
  const bob = await list.connect("bob");
  await ada.client.submit("add", { id: "t-1", text: "Buy bread" });
  await list.settle();
  expect(bob.client.state.tasks["t-1"]).toEqual({ text: "Buy bread", done: false, by: "ada" });

  bob.cut();
  const late = bob.client.submit("check", { id: "t-1", done: true });
  expect(bob.client.state.tasks["t-1"]!.done).toBe(true);
  await ada.client.submit("remove", { id: "t-1" });
  bob.restore();

  expect(await late).toMatchObject({ status: "rejected", problem: { errors: [{ code: "MISSING" }] } });
  await list.settle();
  expect(bob.client.state).toEqual({ tasks: {} });
});
