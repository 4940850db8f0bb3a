import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createClient, memoryStore } from "../../../src/client/index.ts";
import { createPartitionHooks } from "../../../src/client/react.ts";
import { createSagaHook } from "../../../src/client/react-sagas.ts";
import { endOfSaga, readSaga, SagaError } from "../../../src/client/sagas.ts";
import { select } from "../../../src/client/select.ts";
import { sagaIn } from "../../../src/model/index.ts";
import { problem } from "../../../src/protocol/index.ts";
import { bank } from "../../support/bank.ts";

const hooks = createPartitionHooks<typeof bank>();
const useSaga = createSagaHook(hooks);

const input = { from: "ann", via: "bank-2", bank: "bank-3", to: "bob", amount: 1 };
const run = { saga: "pay", input, startedAt: 1, step: 1, fence: 2, attempt: 0, asks: 1 };

/** A client that shows a state with three sagas. */
function clientOf(more: object = {}) {
  const runs = {
    going: { ...run, status: "RUNNING" },
    done: { ...run, status: "COMPLETED", next: "undone" },
    undone: { ...run, status: "COMPENSATED", problem: { step: 1, code: "validation_failed", detail: "Closed." } },
  };
  const state = JSON.stringify({ ...bank.initialState(), sagas: { runs, open: 1, ended: 2 } });
  return createClient({
    url: "https://example.com",
    partition: "bank-1",
    model: bank,
    store: memoryStore(),
    connect: false,
    initial: { serverId: "log-1", eventId: 5, proof: "p", modelVersion: bank.version, state },
    ...more,
  });
}

describe("sagas in the state of a client", () => {
  it("[TX-14] [ID-6] [CL-5] a hook and a selector return a saga with what became of it", () => {
    const client = clientOf();
    const Shown = ({ id }: { id: string }) => {
      const saga = useSaga(id);
      return createElement("p", {}, saga ? `${saga.state} ${saga.status} ${saga.problem?.detail ?? ""}` : "none");
    };
    const html = (id: string) =>
      renderToString(
        createElement(hooks.PartitionProvider, { client: client as never }, createElement(Shown, { id })),
      ).replace(/<[^>]*>/g, "");
    expect(["going", "done", "undone", "other", "toString"].map(html)).toEqual([
      "in_progress RUNNING ",
      "succeeded COMPLETED ",
      "failed COMPENSATED Closed.",
      "none",
      "none",
    ]);
    expect(select(client, (state) => sagaIn(state, "done")).get()).toEqual({
      ...run,
      state: "succeeded",
      status: "COMPLETED",
    });
  });
});

describe("what became of a saga, by requests", () => {
  afterEach(() => void vi.useRealTimers());

  const told = (state: string, status: string) => ({ id: "a/b", state, saga: "pay", status, step: 0, steps: 2 });
  const answer = (body: object, status = 200, headers: Record<string, string> = {}) =>
    Response.json(body, { status, headers });
  const problemOf = (code: "not_found" | "overloaded", retryAfter?: number) => {
    const failure = { code, detail: code, ...(retryAfter === undefined ? {} : { retryAfter }) };
    const given = problem(failure, { instance: "/", traceId: "t", timestamp: 1 });
    return answer(given, given.status);
  };
  /** A server that gives these answers one after the other, the last one for ever; an error: it is out of reach. */
  const serverOf = (...answers: (() => Response)[]) => {
    const asked: { url: string; at: number; token: string | undefined }[] = [];
    const address = {
      url: "https://example.com/app",
      partition: "bank-1",
      saga: "a/b",
      token: () => `t${asked.length}`,
      fetch: async (url: string, { headers }: RequestInit) => {
        const token = new Headers(headers).get("authorization") ?? undefined;
        asked.push({ url, at: Date.now() - startedAt, token });
        return (answers.length > 1 ? answers.shift()! : answers[0]!)();
      },
    };
    vi.useFakeTimers();
    const startedAt = Date.now();
    return { asked, address };
  };
  const thrownBy = (asked: Promise<unknown>) => asked.catch((error: unknown) => error);
  const going = (seconds: string) => () => answer(told("in_progress", "RUNNING"), 200, { "retry-after": seconds });
  const lost = (): Response => {
    throw new TypeError("fetch failed");
  };

  it("[ID-6] asks again when the server says, also after it was out of reach, until the saga has ended", async () => {
    const { asked, address } = serverOf(
      going("3"),
      lost,
      () => problemOf("overloaded", 5),
      going("0"),
      () => answer(told("failed", "COMPENSATED")),
    );
    const ended = endOfSaga(address);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await ended).toMatchObject({ state: "failed", status: "COMPENSATED" });
    expect(asked.map(({ at }) => at)).toEqual([0, 3_000, 4_000, 9_000, 10_000]);
    expect(new Set(asked.map(({ url }) => url))).toEqual(
      new Set(["https://example.com/v1/partitions/bank-1/sagas/a%2Fb"]),
    );
    expect(asked.map(({ token }) => token)).toEqual(["Bearer t0", "Bearer t1", "Bearer t2", "Bearer t3", "Bearer t4"]);
  });

  it("[ID-6] ends its wait after a time, by its signal, and where asking again would not help", async () => {
    const slow = serverOf(going("20"));
    const waited = endOfSaga({ ...slow.address, waitMs: 50_000 });
    await vi.advanceTimersByTimeAsync(40_000);
    expect(await waited).toMatchObject({ state: "in_progress" });
    expect(slow.asked).toHaveLength(3);

    const away = serverOf(lost);
    const failing = thrownBy(endOfSaga({ ...away.address, waitMs: 2_500 }));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await failing).toMatchObject({ message: "fetch failed" });

    const controller = new AbortController();
    const aborted = thrownBy(endOfSaga({ ...slow.address, signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(1);
    controller.abort(new Error("enough"));
    expect(await aborted).toMatchObject({ message: "enough" });
    expect(vi.getTimerCount()).toBe(0);

    const none = serverOf(() => problemOf("not_found"));
    const error = await thrownBy(endOfSaga(none.address));
    expect(error).toBeInstanceOf(SagaError);
    expect(error).toMatchObject({ message: "not_found", problem: { code: "not_found" } });
    const portal = serverOf(() => new Response("<p>Sign in</p>"));
    await expect(readSaga(portal.address)).rejects.toMatchObject({ problem: undefined });
  });
});
