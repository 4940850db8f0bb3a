import { createClient, memoryStore } from "partita/client";
import { seats } from "./seats.js";

/**
 * Two clients book the same seat before either of them has heard of the other: the server accepts one draft and rejects
 * the other. Returns the two outcomes in the order of the alphabet.
 *
 * @param {string} url The origin of the server.
 */
export async function bookTwice(url) {
  const partition = `hall-${crypto.randomUUID()}`;
  const clients = ["Ada", "Bob"].map((name) => ({
    name,
    client: createClient({ url, partition, model: seats, store: memoryStore(), tabs: false }),
  }));
  try {
    const verdicts = await Promise.all(clients.map(({ name, client }) => client.submit("book", { seat: "A1", name })));
    const outcomes = verdicts.map((verdict) =>
      verdict.status === "rejected" ? `rejected: ${verdict.problem.errors?.[0]?.code}` : verdict.status,
    );
    return outcomes.toSorted().join(", ");
  } finally {
    await Promise.all(clients.map(({ client }) => client.close()));
  }
}
