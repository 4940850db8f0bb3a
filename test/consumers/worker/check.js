// Looks at what the Worker has beside the routes of Partita, where it is served together with the Worker of `billing/`.
import assert from "node:assert/strict";

const { env } = globalThis.process;
const url = env["PARTITA_URL"];
const hall = `hall-${crypto.randomUUID()}`;

async function ask(path, body) {
  const response = await fetch(`${url}${path}`, body && { method: "POST", body: JSON.stringify(body) });
  assert.equal(response.status, 200, path);
  return response.json();
}

// A route of its own writes through `authority.partition`: a retry counts once, and a taken seat is refused.
const sell = async (key, name) => (await ask(`/desk/${hall}/sales/${key}`, { seat: "A1", name })).status;
assert.equal(await sell("1", "Ada"), "accepted");
assert.equal(await sell("1", "Ada"), "accepted");
assert.equal(await sell("2", "Bob"), "rejected");

// The other Worker writes through its binding, with the same verdicts.
const order = (key, seat) => ask("/billing", { hall, seat, name: "Cy", key });
const ordered = await order("1", "A2");
assert.equal(ordered.written.status, "accepted");
assert.deepEqual(ordered.state, { taken: { A1: "Ada", A2: "Cy" } });
assert.deepEqual(await order("1", "A2"), ordered);
const { written } = await order("2", "A1");
assert.deepEqual([written.status, written.problem.errors[0].code], ["rejected", "TAKEN"]);

const { events } = await ask(`/v1/partitions/${hall}/events?since=0`);
assert.deepEqual(
  events.map(({ event }) => event.clientId),
  ["server:desk", "server:billing"],
);

// The document has the route with its schemas, beside those of Partita, and the events of the model.
const { paths, components } = await ask("/openapi.json");
const { summary, requestBody, responses } = paths["/desk/{hall}/sales/{key}"].post;
assert.equal(summary, "Sell a seat at the desk");
assert.deepEqual(requestBody.content["application/json"].schema.required, ["seat", "name"]);
assert.deepEqual(responses["200"].content["application/json"].schema.properties, { status: { type: "string" } });
assert.ok(paths["/v1/partitions/{partition}/events"].post);
assert.match(JSON.stringify(components.schemas["EventOf.seats"]), /"book"/);
console.log("the routes, the bindings and the document are right");
