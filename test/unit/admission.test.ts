import { noLimits } from "../../src/protocol/index.ts";
import { describe, expect, it } from "vitest";
import { newSession } from "../../src/core/index.ts";
import type { Subject } from "../../src/identity/verify.ts";
import { Admission } from "../../src/shell/admission.ts";
import { TestPartition } from "../support/partition.ts";

const token = "alice's";
const subject: Subject = {
  principal: "alice",
  tenant: "default",
  partitions: ["room"],
  permissions: ["read"],
  roles: [],
  expiresAt: Number.MAX_SAFE_INTEGER,
  issuedAt: undefined,
  jti: undefined,
};

/** The admission of a partition, which counts its connections. */
function admissionTo(room: TestPartition) {
  const admission = new Admission({
    name: { tenant: "default", partition: "room" },
    partition: room.partition,
    link: undefined,
    roles: {},
    now: () => room.now,
    verify: async () => subject,
  });
  const join = () => {
    const connection = room.attach(newSession(undefined, true));
    admission.add(connection.session);
    return connection;
  };
  return { admission, join };
}

describe("a token that comes on the connection", () => {
  it("[AU-2] [AU-5] is accepted when the limit of connections is reached: its connection is counted already", async () => {
    const room = new TestPartition();
    room.partition.limit({ ...noLimits, connectionsPerPartition: 1, connectionsPerPrincipal: 1 });
    const { admission, join } = admissionTo(room);
    expect(admission.capacityFailure(undefined, true)).toBeUndefined();
    const { session } = join();
    expect(await admission.authenticate(session, token)).toMatchObject({ principal: "alice" });
    expect(admission.capacityFailure(undefined, true)).toMatchObject({ code: "too_many_connections" });
  });

  it("[AU-5] counts for its principal once it is verified, before its connect is decided", async () => {
    const room = new TestPartition();
    room.partition.limit({ ...noLimits, connectionsPerPrincipal: 1 });
    const { admission, join } = admissionTo(room);
    const [first, second] = [join(), join()];
    expect(await admission.authenticate(first.session, token)).toMatchObject({ principal: "alice" });
    expect(await admission.authenticate(second.session, token)).toMatchObject({ code: "too_many_connections" });
    admission.remove(first.session);
    expect(await admission.authenticate(second.session, token)).toMatchObject({ principal: "alice" });
  });
});
