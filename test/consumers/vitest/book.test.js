import { expect, it } from "vitest";
import { bookTwice } from "./shared/book.js";

it("takes one draft and rejects the other", async () => {
  expect(await bookTwice(process.env.PARTITA_URL)).toBe("accepted, rejected: TAKEN");
}, 30_000);
