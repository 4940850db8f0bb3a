import { isAuthorized } from "../../model/who.ts";
import type { Author, Failure } from "../../protocol/index.ts";
import type { Environment } from "../environment.ts";
import type { Live } from "../live.ts";
import { describe } from "../ports.ts";
import { Refusal } from "../refusal.ts";

/** Permissions with which everything can be read, whatever the state says. `*` is none of them: users may have it. */
const readAllPermissions: readonly string[] = ["admin:read", "admin:*"];

const notAllowed: Failure = {
  code: "forbidden",
  layer: "permission",
  detail: "The state of this partition does not allow you to read it.",
};

type Context = Pick<Environment, "model" | "authors" | "ports" | "name">;

/** Who may read a partition whose model authorises by the state, as that is now: each principal is looked at once. */
export class ReadAccess {
  readonly #context: Context;
  readonly #live: Live;
  readonly #known = new Map<string, Failure | undefined>();
  #logged = false;

  constructor(context: Context, live: Live) {
    this.#context = context;
    this.#live = live;
  }

  /** Why this author may not read, or undefined. A state that is not valid allows nobody. */
  failure({ principal, permissions }: Author): Failure | undefined {
    if (permissions !== "all" && readAllPermissions.some((name) => permissions.includes(name))) return undefined;
    const known = this.#known.get(principal);
    if (known || this.#known.has(principal)) return known;
    const failure = this.#live.fold.unsound ?? (this.#allows(principal) ? undefined : notAllowed);
    this.#known.set(principal, failure);
    return failure;
  }

  #allows(principal: string): boolean {
    const { model, authors, ports, name } = this.#context;
    try {
      return isAuthorized(model, this.#live.fold.state, { principal, author: authors.of(principal) }, "read");
    } catch (error) {
      if (!this.#logged) ports.log("error", "the model failed to authorise", { ...name, error: describe(error) });
      this.#logged = true;
      return false;
    }
  }
}

/** @throws Refusal where the state does not allow this author to read. */
export function assertAuthorized(context: Context, live: Live, author: Author): void {
  const failure = context.model.authorize && new ReadAccess(context, live).failure(author);
  if (failure) throw new Refusal(failure);
}
