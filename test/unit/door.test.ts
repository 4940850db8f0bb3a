import { noLimits } from "../../src/protocol/index.ts";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { newSession } from "../../src/core/index.ts";
import { Door } from "../../src/shell/admission.ts";
import { TestPartition } from "../support/partition.ts";

const secret = "a secret of at least thirty-two bytes";
const settings = { PARTITA_JWT_SECRET: secret, PARTITA_JWT_ISSUER: "i", PARTITA_JWT_AUDIENCE: "a" };
const token = await new SignJWT({ partitions: ["room"], permissions: ["read"] })
  .setProtectedHeader({ alg: "HS256" })
  .setIssuer("i")
  .setAudience("a")
  .setSubject("alice")
  .setExpirationTime("1h")
  .sign(new TextEncoder().encode(secret));

describe("a token that comes on the connection", () => {
  it("[AU-2] [AU-5] is taken on the last place that there is: its connection has it already", async () => {
    const room = new TestPartition();
    room.partition.limit({ ...noLimits, connectionsPerPartition: 1, connectionsPerPrincipal: 1 });
    const { partition } = room;
    const door = new Door({
      name: { tenant: "default", partition: "room" },
      partition,
      link: undefined,
      settings,
      roles: {},
      keep: () => {},
    });
    expect(door.placeFor(undefined, true)).toBeUndefined();
    const { session } = room.attach(newSession(undefined, true));
    expect(await door.authenticate(session, token)).toMatchObject({ principal: "alice" });
    expect(door.placeFor(undefined, true)).toMatchObject({ code: "too_many_connections" });
  });

  it("[AU-5] takes its place when it is verified, though its connection has its turn later", async () => {
    const room = new TestPartition();
    room.partition.limit({ ...noLimits, connectionsPerPrincipal: 1 });
    const { partition } = room;
    const name = { tenant: "default", partition: "room" };
    const door = new Door({ name, partition, link: undefined, settings, roles: {}, keep: () => {} });
    const [first, second] = [1, 2].map(() => room.attach(newSession(undefined, true)));
    expect(await door.authenticate(first!.session, token)).toMatchObject({ principal: "alice" });
    expect(await door.authenticate(second!.session, token)).toMatchObject({ code: "too_many_connections" });
    room.close(first!);
    expect(await door.authenticate(second!.session, token)).toMatchObject({ principal: "alice" });
  });
});
