// A component of the server: it gets the state, and a component of the client shows it.
import { createClient, memoryStore } from "partita/client";
import * as hooks from "partita/react";
import { seats } from "../shared/seats.js";
import { Hall } from "./hall.jsx";

export const dynamic = "force-dynamic";

export default async function Page() {
  const url = process.env.PARTITA_URL;
  const client = createClient({ url, partition: "hall-next", model: seats, store: memoryStore(), tabs: false });
  try {
    await client.submit("book", { seat: "A1", name: "Ada" });
    await client.ready;
    // The module of the hooks can be imported here; only components of the client can call what it exports.
    return <Hall initial={client.dehydrate()} hooks={Object.keys(hooks).length} />;
  } finally {
    await client.close();
  }
}
