// The entry `partita` in Node, where tests run: there is no `cloudflare:workers`, so there are the declarations only.
export * from "./declarations.ts";

/** @throws Error always: it says where an authority runs, and what tests use. */
export function createAuthority(): never {
  throw new Error(
    "createAuthority needs the runtime of Workers (wrangler, workerd): this is Node. In a test, import the model and its effects, not the Worker, and use testAuthority of partita/testing.",
  );
}
