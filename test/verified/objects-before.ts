import { DurableObject } from "cloudflare:workers";
import { streamHeader } from "../../src/platform/rpc.ts";
import type { WholeAuthority } from "../workerd/whole-authority.ts";

type Partition = InstanceType<WholeAuthority["PartitionObject"]>;
type Tenant = InstanceType<WholeAuthority["TenantObject"]>;

/**
 * Object classes with exactly the remote methods of commit d6f69c9, whose calls have arguments by position. They work
 * by the classes of today, so that only the calls differ.
 */
export function objectsBefore({ PartitionObject, TenantObject }: WholeAuthority) {
  class PartitionBefore extends DurableObject<Cloudflare.Env> {
    readonly #now: Partition;

    constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
      super(ctx, env);
      this.#now = new PartitionObject(ctx, { ...env, TENANTS: env.TENANTS_BEFORE } as never);
    }

    override async fetch(request: Request): Promise<Response> {
      if (request.headers.has("upgrade")) return await this.#now.fetch(request);
      const asked = JSON.parse(request.headers.get("partita-stream")!) as { author?: object };
      void asked.author;
      return await this.#now.fetch(new Request(request, { headers: { [streamHeader]: JSON.stringify(asked) } }));
    }

    override webSocketMessage(...given: Parameters<Partition["webSocketMessage"]>): void {
      this.#now.webSocketMessage(...given);
    }
    override webSocketClose(...given: Parameters<Partition["webSocketClose"]>): void {
      this.#now.webSocketClose(...given);
    }
    override alarm(): Promise<void> {
      return this.#now.alarm();
    }
    postFrames(...given: Parameters<Partition["postFrames"]>) {
      return this.#now.postFrames(...given);
    }
    submit(...given: Parameters<Partition["submit"]>) {
      return this.#now.submit(...given);
    }
    readEvents(...given: Parameters<Partition["readEvents"]>) {
      return this.#now.readEvents(...given);
    }
    readState(...given: Parameters<Partition["readState"]>) {
      return this.#now.readState(...given);
    }
    readUsage(...given: Parameters<Partition["readUsage"]>) {
      return this.#now.readUsage(...given);
    }
    ready(...given: Parameters<Partition["ready"]>) {
      return this.#now.ready(...given);
    }
    tenantChanged(...given: Parameters<Partition["tenantChanged"]>) {
      return this.#now.tenantChanged(...given);
    }
    drain(seconds: number) {
      return this.#now.drain(seconds);
    }
  }

  class TenantBefore extends DurableObject<Cloudflare.Env> {
    readonly #now: Tenant;

    constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
      super(ctx, env);
      this.#now = new TenantObject(ctx, { ...env, PARTITIONS: env.PARTITIONS_BEFORE } as never);
    }

    override alarm(): Promise<void> {
      return this.#now.alarm();
    }
    attend(...given: Parameters<Tenant["attend"]>) {
      return this.#now.attend(...given);
    }
    claim(...given: Parameters<Tenant["claim"]>) {
      return this.#now.claim(...given);
    }
    grant(...given: Parameters<Tenant["grant"]>) {
      return this.#now.grant(...given);
    }
    refusal(...given: Parameters<Tenant["refusal"]>) {
      return this.#now.refusal(...given);
    }
    revoke(...given: Parameters<Tenant["revoke"]>) {
      return this.#now.revoke(...given);
    }
    revocations() {
      return this.#now.revocations();
    }
    limits() {
      return this.#now.limits();
    }
    setLimits(...given: Parameters<Tenant["setLimits"]>) {
      return this.#now.setLimits(...given);
    }
    drain(seconds: number) {
      return this.#now.drain(seconds);
    }
    putTicket(...given: Parameters<Tenant["putTicket"]>) {
      return this.#now.putTicket(...given);
    }
    takeTicket(ticket: string) {
      return this.#now.takeTicket(ticket);
    }
  }

  return { PartitionBefore, TenantBefore };
}

declare global {
  namespace Cloudflare {
    interface Env {
      PARTITIONS_BEFORE: DurableObjectNamespace;
      TENANTS_BEFORE: DurableObjectNamespace;
    }
  }
}
