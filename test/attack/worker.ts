// The Worker that is attacked: the deployed one, but for the rates of a tenant, which a prepared partition would meet first,
// and for two paths that are the floor: one reads what it receives, and sends as many bytes as it is asked for; the other
// asks an object that only opens its database.
import { DurableObject } from "cloudflare:workers";
import { models } from "../../src/app.ts";
import { createAuthority } from "../../src/index.ts";
import { allParts } from "../../src/parts/index.ts";

const plenty = { perSecond: 1_000_000, burst: 100_000_000 };
const authority = createAuthority({
  models,
  limits: { tenant: plenty, newPartitions: plenty, newPartitionsPerPrincipal: plenty },
  parts: allParts,
});

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;

const piece = new Uint8Array(64 * 1024).fill(32);

async function send(writable: WritableStream<Uint8Array>, bytes: number): Promise<void> {
  const writer = writable.getWriter();
  for (let left = bytes; left > 0; left -= piece.length) await writer.write(piece.subarray(0, left));
  await writer.close();
}

async function answerBare(request: Request, bytes: number, ctx: ExecutionContext): Promise<Response> {
  await request.text();
  const { readable, writable } = new IdentityTransformStream();
  ctx.waitUntil(send(writable, bytes));
  return new Response(readable);
}

/** What the platform takes for an object with a database. */
export class BareObject extends DurableObject {
  override fetch(): Response {
    return Response.json(this.ctx.storage.sql.exec("SELECT name FROM sqlite_master").toArray());
  }
}

type Environment = Parameters<typeof authority.worker.fetch>[1] & { BARE: DurableObjectNamespace };

export default {
  fetch(request: Request, env: Environment, ctx: ExecutionContext) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/bare-object") return env.BARE.getByName(searchParams.get("name")!).fetch(request);
    if (pathname === "/bare") return answerBare(request, Number(searchParams.get("bytes")), ctx);
    return authority.worker.fetch(request, env, ctx);
  },
};
