import { bookTwice } from "./book.js";

// Bundlers replace `process.env`.
const { env } = globalThis.process;
const url = env["PARTITA_URL"];
if (url === undefined) throw new Error("PARTITA_URL is not set");
const outcome = await bookTwice(url);
console.log(outcome);
if (outcome !== "accepted, rejected: TAKEN") throw new Error(`the outcome is "${outcome}"`);
