import type { Edge } from "./env.ts";
import { refuse } from "./refused.ts";

/** For every path that `app` has so far: refuses the methods that it does not have, and answers a plain OPTIONS. */
export function refuseOtherMethods(app: Edge): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  for (const [path, known] of methods) {
    const allow = [...known, ...(known.has("GET") ? ["HEAD"] : []), "OPTIONS"].toSorted().join(", ");
    app.options(path, () => new Response(null, { status: 204, headers: { allow } }));
    app.all(path, (c) => refuse(c, { code: "method_not_allowed", detail: `Use one of: ${allow}.` }, { allow }));
  }
}
