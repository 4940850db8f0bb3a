import { describe, expect, it } from "vitest";
import { callObject, callObjectOnce, Unanswered } from "../../src/platform/call.ts";

/** Objects whose first `failures` calls throw. A stub that has thrown stays broken, as on the platform. */
function failing(failures: number, error: () => unknown) {
  let calls = 0;
  let stubs = 0;
  const freshStub = () => {
    stubs++;
    let broken = false;
    return async () => {
      calls++;
      if (broken || calls <= failures) {
        broken = true;
        throw error();
      }
      return "done";
    };
  };
  return { freshStub, counts: () => ({ calls, stubs }) };
}

const call = (stub: () => Promise<string>) => stub();

/** What the platform throws. */
const thrown: Record<string, () => unknown> = {
  "marked as retryable": () => Object.assign(new Error("Network connection lost."), { retryable: true }),
  "not marked": () => new Error("The Durable Object's code has been updated."),
  reset: () => Object.assign(new Error("Durable Object reset"), { durableObjectReset: true, remote: true }),
  "no error": () => "a text",
  nothing: () => undefined,
};

describe("a call to an object", () => {
  it.each(Object.keys(thrown))("[ER-5] is repeated with a new stub after an error: %s", async (how) => {
    const { freshStub, counts } = failing(2, thrown[how]!);
    expect(await callObject(freshStub, call)).toBe("done");
    expect(counts()).toEqual({ calls: 3, stubs: 3 });
  });

  it("[BD-7] [ER-5] ends as not answered after three attempts", async () => {
    const { freshStub, counts } = failing(Infinity, thrown["not marked"]!);
    await expect(callObject(freshStub, call)).rejects.toThrow(Unanswered);
    expect(counts()).toEqual({ calls: 3, stubs: 3 });
  });

  it("[ER-5] [LC-10] is not repeated to an overloaded object, even if it is marked as retryable", async () => {
    const overloaded = () => Object.assign(new Error("overloaded"), { overloaded: true, retryable: true });
    const { freshStub, counts } = failing(1, overloaded);
    await expect(callObject(freshStub, call)).rejects.toThrow(Unanswered);
    expect(counts()).toEqual({ calls: 1, stubs: 1 });
  });

  it("[BD-7] is made once where a second one would do something else", async () => {
    const { freshStub, counts } = failing(1, thrown["marked as retryable"]!);
    await expect(callObjectOnce(freshStub, call)).rejects.toThrow(Unanswered);
    expect(counts()).toEqual({ calls: 1, stubs: 1 });
  });
});
