import type { TenantApi, TenantChanges } from "../../src/platform/rpc.ts";
import { noLimits } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TenantStorage } from "../../src/storage/tenant/storage.ts";
import { Tenant } from "../../src/tenant/tenant.ts";
import { migrationsIn } from "../support/partition.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

/** How often a tenant tries again to reach the partitions that have to know of a change. */
const pushAgainMs = 1_000;
/** How long a call takes in each direction at most, in milliseconds. */
const callMsMax = 80;
/** A revocation is remembered for longer than any token is good, whatever the clock does. */
const rememberedMs = 400 * 24 * 60 * 60 * 1_000;

/** What a tenant is made of. */
export interface TenancyParts {
  readonly schedule: Schedule;
  readonly random: Random;
  /** How likely a call between the objects fails, before or after it has had its effect. */
  failing: number;
  /** Calls the partition. */
  push(changes: TenantChanges): Promise<boolean>;
  /** The partition knows of a change, as far as the tenant can tell. */
  known(changes: TenantChanges): void;
}

/** Stands in for the tenant's object: its rules are the production ones, and calls take time and fail. */
export class Tenancy {
  readonly #parts: TenancyParts;
  readonly #tenant: Tenant;
  #pushing = false;
  /** Whether the last question of the partition, or its answer, was lost: then it lets known tokens go on. */
  unreached = false;

  constructor(parts: TenancyParts) {
    this.#parts = parts;
    const storage = new TenantStorage(new NodeSqlDriver(), migrationsIn("tenant"));
    this.#tenant = new Tenant(storage, noLimits, parts.schedule.serverNow);
  }

  /** From here on no call fails. */
  calm(): void {
    this.#parts.failing = 0;
  }

  /** Whether it notifies the partition of changes, as far as it knows. */
  get notifies(): boolean {
    return this.#tenant.subscribed(1, this.#parts.schedule.serverNow).length > 0;
  }

  /** What a partition calls. */
  get api(): TenantApi {
    const now = () => this.#parts.schedule.serverNow;
    return {
      attend: async (asked) => {
        this.unreached = true;
        const answer = await this.#call(() => {
          const changes = this.#tenant.subscribe(asked, now());
          if (this.#tenant.changesFor(asked.partition, now())) {
            this.#parts.schedule.after(pushAgainMs, () => void this.#spread());
          }
          return changes;
        });
        this.unreached = false;
        return answer;
      },
      claim: ({ partition, principal }) => this.#call(() => this.#tenant.claim(partition, principal, now())),
      grant: ({ count }) => this.#call(() => this.#tenant.grant(count, now())),
    };
  }

  /** Revokes all tokens of a principal that were issued up to `second`, and has the partition notified. */
  revoke(principal: string, second: number): void {
    const now = this.#parts.schedule.serverNow;
    this.#tenant.revoke({ kind: "sub", id: principal, at: second, expiresAt: now + rememberedMs }, now);
    void this.#spread();
  }

  /** Notifies the partition of what it does not know, until it does. */
  async #spread(): Promise<void> {
    if (this.#pushing) return;
    this.#pushing = true;
    const { schedule } = this.#parts;
    for (const { partition } of this.#tenant.behind(1, schedule.serverNow)) {
      const changes = this.#tenant.changesFor(partition, schedule.serverNow)!;
      try {
        const wanted = await this.#call(async () => {
          const answer = await this.#parts.push(changes);
          this.#parts.known(changes);
          return answer;
        });
        if (wanted) this.#tenant.received(partition, changes.seq, schedule.serverNow);
        else this.#tenant.unsubscribe(partition, changes, schedule.serverNow);
      } catch {
        // Tried again below.
      }
    }
    this.#pushing = false;
    if (this.#tenant.countBehind(schedule.serverNow) > 0) schedule.after(pushAgainMs, () => void this.#spread());
  }

  /** A call to another object: it takes time, and may fail before or after it has had its effect. */
  async #call<T>(body: () => T | Promise<T>): Promise<T> {
    const { random, failing } = this.#parts;
    await this.#pause();
    if (random.chance(failing)) throw new Error("the call was lost");
    const result = await body();
    await this.#pause();
    if (random.chance(failing)) throw new Error("the answer was lost");
    return result;
  }

  #pause(): Promise<void> {
    const { schedule, random } = this.#parts;
    return new Promise((resolve) => schedule.after(random.between(0, callMsMax), resolve));
  }
}
