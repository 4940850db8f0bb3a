import type { AnyModel } from "../model/index.ts";

/** Names what a state is folded by: `<name>.<version>`. */
export function modelTag({ name, version }: AnyModel): string {
  return `${name}.${version}`;
}
