import { type Author, noLimits } from "../../src/protocol/index.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Listener } from "../../src/core/index.ts";
import type { Revocation, TenantChanges } from "../../src/platform/rpc.ts";
import { TenantLink } from "../../src/shell/tenant-link.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TenantStorage } from "../../src/storage/tenant/storage.ts";
import { Tenant } from "../../src/tenant/tenant.ts";
import { migrationsIn, TestPartition } from "../support/partition.ts";

const minute = 60_000;
const author: Author = { principal: "alice", permissions: "all", expiresAt: Number.MAX_SAFE_INTEGER, tokenId: "t" };
const revocation: Revocation = { kind: "jti", id: "t", at: 0, expiresAt: Number.MAX_SAFE_INTEGER };

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

/** A link to a tenant that answers at once, or after `wait`. */
function linked(wait = () => Promise.resolve()) {
  const room = new TestPartition();
  const tenant = new Tenant(new TenantStorage(new NodeSqlDriver(), migrationsIn("tenant")), noLimits, Date.now());
  const leases: number[] = [];
  const listeners: Listener[] = [];
  const link = new TenantLink({
    name: "room",
    partition: room.partition,
    limits: noLimits,
    tenant: () => ({
      attend: async ({ partition, leaseMs, knownSeq }) => {
        leases.push(leaseMs);
        await wait();
        return tenant.subscribe(partition, leaseMs, knownSeq, Date.now());
      },
      claim: async ({ partition }) => tenant.claim(partition, Date.now()),
      grant: async ({ count }) => tenant.grant(count, Date.now()),
    }),
    log: () => {},
    now: () => Date.now(),
    step: (body) => body(),
    concernedBy: () => listeners,
  });
  /** Notifies the partition of a change, if it is subscribed at the tenant. */
  const push = () => {
    for (const { receivedSeq } of tenant.behind(10, Date.now()))
      link.changed(tenant.changesSince(receivedSeq, Date.now()));
  };
  return { room, tenant, link, leases, listeners, push };
}

describe("what a partition knows", () => {
  it("[AU-4] is fetched from its last known change on, with the changes that another incarnation has received", async () => {
    const { tenant, link } = linked();
    tenant.subscribe("room", 25 * minute, 0, Date.now());
    tenant.revoke(revocation, Date.now());
    tenant.received("room", tenant.seq, Date.now());
    const other: Revocation = { ...revocation, id: "other" };
    tenant.revoke(other, Date.now());
    // This incarnation is notified of the last change only; it must fetch the first one.
    link.changed(tenant.changesSince(tenant.seq - 1, Date.now()));
    expect(await link.admit({ ...author, tokenId: "other" })).toMatchObject({ code: "auth_revoked" });
    expect(await link.admit(author)).toMatchObject({ code: "auth_revoked" });
    expect(tenant.subscribe("room", minute, tenant.seq, Date.now()).revocations).toEqual([]);
    // After a restore the tenant has fewer changes than the partition knows of.
    expect(tenant.subscribe("room", minute, tenant.seq + 1, Date.now()).revocations).toHaveLength(2);
  });
});

describe("the lease of a partition", () => {
  it("[AU-4] does not count longer than the tenant stores it: a token that is revoked after its end is refused", async () => {
    const { tenant, link, push } = linked();
    await link.admit(author);
    // The row has more than half of its time left, and is not written again.
    vi.advanceTimersByTime(12 * minute);
    await link.admit(author);
    vi.advanceTimersByTime(14 * minute);
    tenant.revoke(revocation, Date.now());
    push();
    expect(await link.admitRequest(author)).toMatchObject({ code: "auth_revoked" });
  });

  it("[AU-4] is the longest one that the callers of a shared fetch need", async () => {
    let answer = () => {};
    const { link, leases } = linked(() => new Promise<void>((resolve) => (answer = resolve)));
    const first = link.admitRequest(author);
    const shared = [link.admitRequest(author), link.admit(author), link.admitRequest(author)];
    answer();
    await first;
    await vi.waitUntil(() => leases.length === 2);
    answer();
    await Promise.all(shared);
    expect(leases).toEqual([30_000, 150 * minute]);
  });
});

describe("changes of the tenant", () => {
  it("[AU-4] revoke, even if the limits that come with them cannot be stored", () => {
    const { room, link, listeners } = linked();
    const alice = room.open(author);
    listeners.push(alice.session);
    alice.connect("c");
    alice.submit("d", "set", { target: "n", value: 1 });
    room.driver.transaction(() => room.driver.write("DROP TABLE tenant_limits"));
    const changes: TenantChanges = { seq: 1, revocations: [revocation], limits: { principal: null } };
    expect(() => link.changed(changes)).toThrow("tenant_limits");
    expect(alice.of("error")).toMatchObject([{ payload: { code: "auth_revoked" } }]);
  });
});
