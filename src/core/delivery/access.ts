import { allows, type Author, type Failure } from "../../protocol/index.ts";
import type { Environment } from "../environment.ts";
import type { Live } from "../live.ts";
import { describe } from "../ports.ts";
import { Refusal } from "../refusal.ts";

/** The permission with which everything can be read, whatever the state says. */
const readAllPermission = "admin:read";

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
    // In open development mode ("all") everybody is judged by the state.
    if (permissions !== "all" && allows(permissions, readAllPermission)) return undefined;
    const known = this.#known.get(principal);
    if (known || this.#known.has(principal)) return known;
    const failure = this.#live.fold.unsound ?? this.#refusal(principal);
    this.#known.set(principal, failure);
    return failure;
  }

  #refusal(principal: string): Failure | undefined {
    const { model, authors, ports, name } = this.#context;
    const who = { principal, author: authors.of(principal) };
    try {
      return this.#live.fold.state.read((state) => model.forbids(state, who, "read"));
    } catch (error) {
      if (!this.#logged) ports.log("authorize_failed", { ...name, principal, error: describe(error) });
      this.#logged = true;
      return { code: "forbidden", layer: "permission", detail: "It cannot be found out whether you may read." };
    }
  }
}

/** @throws Refusal where the state does not allow this author to read. */
export function assertAuthorized(context: Context, live: Live, author: Author): void {
  const failure = context.model.authorize && new ReadAccess(context, live).failure(author);
  if (failure) throw new Refusal(failure);
}
