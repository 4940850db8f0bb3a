import { expect, it, onTestFinished, vi } from "vitest";
import { verify, verifyAll, type VerifiedPartition } from "../../../src/console/data/verify.ts";

/** The server answers by path, without its query. */
function answering(answers: (path: string, asked: number) => object): void {
  let asked = 0;
  vi.stubGlobal("fetch", async (path: string) => Response.json(answers(path.split("?")[0]!, asked++)));
  onTestFinished(() => void vi.unstubAllGlobals());
}

const verified = (eventId: number, done: boolean) => ({
  verified: { eventId, of: 9, done, compared: [], findings: [] },
});

it("[LC-6] [OB-4] the console says that there may be partitions that no verification has seen", async () => {
  answering((path) =>
    path === "/v1/partitions"
      ? { partitions: [{ partition: "a" }, { partition: "b" }], incomplete: true }
      : verified(9, true),
  );
  const reported: VerifiedPartition[] = [];
  let fulls = 0;
  await verifyAll(
    "",
    () => true,
    (one) => void reported.push(one),
    () => void fulls++,
  );
  expect(reported).toMatchObject([{ partition: "a" }, { partition: "b" }]);
  expect(reported.map((one) => one.verified)).toEqual([verified(9, true).verified, verified(9, true).verified]);
  expect(fulls).toBe(1);
});

it("[LC-6] the console ends a verification that never comes further, and not one that does", async () => {
  answering((_, asked) => verified([4, 8, 2][asked % 3]!, false));
  await expect(
    verify(
      "a",
      () => true,
      () => {},
    ),
  ).rejects.toThrow("it does not come to an end");
  answering((_, asked) => verified(asked, asked === 50));
  let last: unknown;
  await verify(
    "a",
    () => true,
    (far) => (last = far),
  );
  expect(last).toMatchObject({ eventId: 50, done: true });
});
