import type { Application, ObjectParts } from "../objects/application.ts";
import type { Failure } from "../protocol/index.ts";
import type { LogKinds } from "../protocol/log-events.ts";
import type { Edge, EdgeContext } from "./env.ts";
import type { Guards } from "./guards.ts";

/**
 * What a Worker can do besides deciding drafts, delivering events and answering reads. An application names the parts that
 * it uses, and its bundle has no others. `Added`: what it adds to the authority.
 */
export interface Part<Added extends object = object> {
  readonly name: string;
  /** Adds its routes. */
  readonly routes?: (app: Edge, guards: Guards, application: Application) => void;
  /**
   * Adds to the authority: Durable Object classes and entrypoints, under the names that the main module of the Worker exports
   * them by, and functions for its code.
   */
  readonly adds?: (application: Application) => Added;
  /** What it gives to the objects of partitions and tenants. */
  readonly ofObjects?: ObjectParts;
  /** Answers a request at an address without a route; undefined: not this one. */
  readonly elsewhere?: (c: EdgeContext) => Promise<Response | undefined>;
  /** The events of its log lines. */
  readonly logs?: LogKinds;
  /** Why the signature of a submission is not valid; undefined: it is. `text`: its body, `key`: its Idempotency-Key. */
  readonly signatureFailure?: (secret: string, request: Request, key: string, text: string) => Failure | undefined;
}
