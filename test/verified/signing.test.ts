import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { askWith, bearer, event, fresh, type Message, post, sign } from "./wire.ts";

const bytes = "thirty-two bytes of a signing key";
const secret = `whsec_${btoa(bytes)}`;
const body = JSON.stringify(event);

/** The headers of a signed request, as a client creates them. */
function signed(key: string, { text = body, at = Date.now(), by = secret } = {}): Record<string, string> {
  const date = new Date(at);
  return {
    "webhook-id": key,
    "webhook-timestamp": String(Math.floor(at / 1_000)),
    "webhook-signature": new Webhook(by).sign(key, date, text),
  };
}

async function submit(room: string, key: string, headers: Record<string, string>, text = body, by = secret) {
  const response = await askWith({ PARTITA_REQUEST_SIGNING_SECRET: by }, `/v1/partitions/${room}/events`, {
    method: "POST",
    headers: { "idempotency-key": key, ...bearer(await sign()), ...headers },
    body: text,
  });
  const received = (await response.json()) as Message;
  return [
    response.status,
    received.code ?? received.eventId ?? received.results.length,
    received.detail as string,
  ] as const;
}

describe("signed submissions", () => {
  it("[AU-11] are accepted, events and batches; a retry with a new signature counts once", async () => {
    const room = fresh();
    expect((await submit(room, "a", signed("a"))).slice(0, 2)).toEqual([201, 1]);
    expect((await submit(room, "a", signed("a", { at: Date.now() - 60_000 }))).slice(0, 2)).toEqual([201, 1]);
    const text = JSON.stringify({ mode: "atomic", events: [{ draftId: "b-1", event }] });
    expect((await submit(room, "b", signed("b", { text }), text)).slice(0, 2)).toEqual([200, 1]);
    // While a secret is replaced, one valid signature of several is enough.
    const old = signed("c", { by: `whsec_${btoa("another key of more than 24 bytes")}` });
    const both = `${old["webhook-signature"]!} ${signed("c")["webhook-signature"]!}`;
    expect((await submit(room, "c", { ...signed("c"), "webhook-signature": both })).slice(0, 2)).toEqual([201, 3]);
  });

  it.each<[string, (key: string) => Record<string, string>]>([
    ["without a signature", () => ({})],
    ["without its id", (key) => ({ ...signed(key), "webhook-id": "" })],
    ["without its time", (key) => ({ ...signed(key), "webhook-timestamp": "" })],
    ["by another key", (key) => signed(key, { by: `whsec_${btoa("another key of more than 24 bytes")}` })],
    ["of another body", (key) => signed(key, { text: body.replace("1", "2") })],
    ["for another key than it is sent with", () => signed("other")],
    ["with another time than was signed", (key) => ({ ...signed(key), "webhook-timestamp": "1" })],
    ["from six minutes ago", (key) => signed(key, { at: Date.now() - 6 * 60_000 })],
    ["from six minutes ahead", (key) => signed(key, { at: Date.now() + 6 * 60_000 })],
    ["by another version", (key) => ({ ...signed(key), "webhook-signature": "v2,eA== v1 v1," })],
  ])("[AU-11] %s are refused, whatever their token, and decide nothing", async (_, headers) => {
    const room = fresh();
    const [status, code, detail] = await submit(room, "k", headers("k"));
    expect([status, code]).toEqual([401, "unauthenticated"]);
    expect(detail).toMatch(/^Sign the request: /);
    expect(detail).not.toContain(bytes);
    expect((await submit(room, "k", signed("k"))).slice(0, 2)).toEqual([201, 1]);
  });

  it("[AU-11] a signature without a valid token is refused", async () => {
    const init = { method: "POST", headers: { "idempotency-key": "k", ...signed("k") }, body };
    const at = `/v1/partitions/${fresh()}/events`;
    expect((await askWith({ PARTITA_REQUEST_SIGNING_SECRET: secret }, at, init)).status).toBe(401);
  });

  it("[AU-11] [AU-2] with an invalid secret every submission is refused, and without a secret no signature is needed", async () => {
    for (const weak of ["", "whsec_", "not base64!", btoa("23 bytes are too few...")]) {
      const [status, code, detail] = await submit(fresh(), "k", signed("k"), body, weak);
      expect([status, code]).toEqual([401, "unauthenticated"]);
      expect(detail).toContain("PARTITA_REQUEST_SIGNING_SECRET");
    }
    expect((await post(fresh(), await sign(), "k")).status).toBe(201);
  });
});
