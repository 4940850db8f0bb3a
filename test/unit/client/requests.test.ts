import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { completionOf, resultOf } from "../../../src/client/stores/requests.ts";

describe("promises of IndexedDB", () => {
  let database: IDBDatabase;

  beforeEach(async () => {
    const opening = indexedDB.open("requests", 1);
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore("rows"));
    database = await resultOf(opening);
  });

  afterEach(async () => {
    database.close();
    await resultOf(indexedDB.deleteDatabase("requests"));
  });

  const begin = () => database.transaction("rows", "readwrite");

  it("[CL-2] a request resolves with its result, and a transaction when it is complete", async () => {
    const transaction = begin();
    const rows = transaction.objectStore("rows");
    const complete = completionOf(transaction);
    expect(await resultOf(rows.add("one", 1))).toBe(1);
    expect(await resultOf(rows.get(1))).toBe("one");
    expect(await complete).toBeUndefined();
  });

  it("[CL-2] a failed request rejects with its error, and aborts the transaction, which has the same error", async () => {
    const transaction = begin();
    const rows = transaction.objectStore("rows");
    const settled = await Promise.allSettled([
      resultOf(rows.add("one", 1)),
      resultOf(rows.add("two", 1)),
      resultOf(rows.get(1)),
      completionOf(transaction),
    ]);
    expect(settled).toMatchObject([
      { value: 1 },
      { reason: { name: "ConstraintError" } },
      { reason: { name: "AbortError" } },
      { reason: { name: "ConstraintError" } },
    ]);
  });

  it("[CL-2] an abort without an error rejects the transaction and all its open requests", async () => {
    const transaction = begin();
    const rows = transaction.objectStore("rows");
    const settling = Promise.allSettled([
      resultOf(rows.add("one", 1)),
      resultOf(rows.get(1)),
      completionOf(transaction),
    ]);
    transaction.abort();
    expect(await settling).toMatchObject([
      { reason: { name: "AbortError" } },
      { reason: { name: "AbortError" } },
      { reason: { message: "it was aborted" } },
    ]);
  });

  it("[CL-2] an upgrade that is aborted rejects the request that opens the database", async () => {
    const opening = indexedDB.open("requests", 2);
    opening.addEventListener("upgradeneeded", () => opening.transaction!.abort());
    database.close();
    await expect(resultOf(opening)).rejects.toMatchObject({ name: "AbortError" });
  });
});
