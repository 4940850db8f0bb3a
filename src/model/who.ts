import type { Failure } from "../protocol/index.ts";
import type { AnyModel, Who } from "./define.ts";
import type { State } from "./state.ts";

/** The client id in events of a model that hides who made them: no client has it. */
const hiddenClientId = "";

/** The client id that readers see, and reducers. */
export function shownClientId({ authors }: Pick<AnyModel, "authors">, clientId: string): string {
  return authors === "hidden" ? hiddenClientId : clientId;
}

/** Whether the state allows `who` the `action`: `read`, or the type of an event. Throws what the model throws. */
export function isAuthorized(model: AnyModel, state: State<object>, who: Who, action: string): boolean {
  return !model.authorize || state.read((view) => model.authorize!(view as never, who, action) === true);
}

/** Why a draft of this type is rejected that the state does not allow. */
export function notAuthorized(type: string): Failure {
  return { code: "forbidden", layer: "permission", detail: `The state does not allow you "${type}".` };
}
