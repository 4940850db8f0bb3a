import { waitUntil } from "cloudflare:workers";
import { keysTagReader } from "../identity/keys-tag.ts";
import type { IdentitySettings } from "../identity/settings.ts";
import { verifierOf } from "../identity/verifier-of.ts";
import { bytesPort } from "../platform/hash.ts";
import { isolateUse } from "../platform/isolate.ts";
import { log } from "../platform/log.ts";
import type { TenantApi } from "../platform/rpc.ts";
import { startTimer } from "../platform/timer.ts";
import type { EffectPorts, MetricsPorts, ShellPorts } from "../shell/ports.ts";
import { DurableSqlDriver } from "../storage/durable.ts";
import { migrations } from "../storage/partition/migrations.ts";
import { PartitionStorage } from "../storage/partition/storage.ts";

/** The ports of a shell on a Durable Object. `tenant`: the tenant's object; undefined in open development mode. */
export function durablePorts(
  ctx: DurableObjectState,
  settings: IdentitySettings,
  tenant: TenantApi | undefined,
  effects: EffectPorts | undefined,
  signHead: ShellPorts["signHead"],
  report: MetricsPorts["report"] | undefined,
): ShellPorts {
  const keys = keysTagReader(settings);
  const driver = new DurableSqlDriver(ctx.storage);
  return {
    storage: new PartitionStorage(driver, migrations, bytesPort),
    random: {
      logId: () => crypto.randomUUID(),
      incarnation: () => crypto.randomUUID().replaceAll("-", "").slice(-16),
      traceId: () => crypto.randomUUID().replaceAll("-", ""),
      peerId: () => crypto.randomUUID(),
      connectionId: () => crypto.randomUUID(),
      secret: () => (crypto.randomUUID() + crypto.randomUUID()).replaceAll("-", ""),
      nonce: () => crypto.randomUUID(),
      fraction: () => Math.random(),
    },
    log,
    now: () => Date.now(),
    timer: startTimer,
    afterIo(run) {
      // Platform fact: with SQLite `sync` waits for the last commit and the output gate, and resolves by the event loop even
      // where nothing is pending. A gate that has failed resets the object; if it did not, the turn must come all the same.
      void ctx.storage.sync().then(run, run);
    },
    every(run, periodMs) {
      const timer = setInterval(run, periodMs);
      return () => clearInterval(timer);
    },
    armAlarm: (at) => ctx.storage.setAlarm(at),
    tenant,
    effects,
    signHead,
    metrics: report && {
      report,
      rowsWritten: () => driver.rowsWritten,
      rowsRead: () => driver.rowsRead,
      storedBytes: () => ctx.storage.sql.databaseSize,
    },
    keys: () => (tenant ? keys() : undefined),
    async verify(token, now) {
      const verifier = verifierOf(settings, waitUntil);
      if (typeof verifier === "string") return { code: "unauthenticated", detail: verifier };
      return await verifier.verify(token, now);
    },
    isolate: isolateUse,
    openBody() {
      // Platform fact: the output gate holds the writes of an IdentityTransformStream until what was written to
      // storage before them is durable; what a ReadableStream of JavaScript has in its queue leaves at once. [TX-5]
      const { readable, writable } = new IdentityTransformStream();
      return { readable, writer: writable.getWriter() };
    },
  };
}
