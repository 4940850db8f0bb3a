import { bookTwice } from "./shared/book.js";

test("takes one draft and rejects the other", async () => {
  expect(await bookTwice(process.env.PARTITA_URL)).toBe("accepted, rejected: TAKEN");
}, 30_000);
