import type * as z from "zod/mini";
import type { BatchVerdict, Client, Verdict } from "../client/index.ts";
import type { Model } from "../model/index.ts";
import type { insieme } from "../models/insieme/index.ts";
import type { JsonObject } from "../protocol/index.ts";
import { type Draft, entryLabel, type PushDraft } from "./drafts.ts";
import type { Explained } from "./notices.ts";
import { target, type Tree } from "./tree.ts";

type Payloads = typeof insieme extends Model<JsonObject, infer P> ? P : never;

/** A client of a partition with the model `insieme`. */
export type InsiemeClient = Client<JsonObject, Payloads>;

/** Submits drafts. Drafts that the model rejects on the client are never sent; `refused` is called for them. */
export class Submitter {
  readonly #client: InsiemeClient;
  readonly #tree: Tree;
  readonly #refused: (explained: Explained) => void;

  constructor(client: InsiemeClient, tree: Tree, refused: (explained: Explained) => void) {
    this.#client = client;
    this.#tree = tree;
    this.#refused = refused;
  }

  submit<Type extends keyof Payloads & string>(type: Type, payload: z.core.input<Payloads[Type]>): void {
    this.#begin();
    const drafts = [{ type, payload: payload as JsonObject }];
    void this.#explain(this.#client.submit(type, payload), entryLabel({ drafts }, this.#tree), drafts);
  }

  /** All or none. */
  submitAll(drafts: readonly PushDraft[]): void {
    this.#begin();
    void this.#explain(this.#client.submitBatch("atomic", drafts), entryLabel({ drafts }, this.#tree), drafts);
  }

  /** What could not be undone, because others have changed it since, is explained. */
  async undo(what: "undo" | "redo"): Promise<void> {
    const result = await this.#client[what]();
    for (const { draft, why, failure } of result?.skipped ?? []) {
      const drafts = [draft as Draft];
      const reason =
        failure && why === "rejected" ? failure : { code: "changed", detail: "Somebody else has changed it since." };
      this.#refused({
        key: crypto.randomUUID(),
        label: `${what}: ${entryLabel({ drafts }, this.#tree)}`,
        drafts,
        reason,
      });
    }
  }

  /** The first edit creates the tree. If another client is faster, neither event changes its tree. */
  #begin(): void {
    if (this.#client.state[target] !== undefined) return;
    if (this.#client.eventId > 0) void this.#client.submit("set", { target, value: {} });
    else void this.#client.submit("init", { value: { [target]: { tree: [], items: {} } } });
  }

  async #explain(
    submitted: Promise<Verdict<unknown> | BatchVerdict<unknown>>,
    label: string,
    drafts: readonly Draft[],
  ): Promise<void> {
    const verdict = await submitted;
    if (verdict.status !== "rejected" || !("local" in verdict) || !verdict.local) return;
    this.#refused({ key: crypto.randomUUID(), label, drafts, reason: verdict.problem });
  }
}
