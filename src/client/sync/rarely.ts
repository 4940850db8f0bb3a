/** What a connection needs only at times: a file of its own. */
export { Checks } from "./checks.ts";
export { StateLoader } from "./state-loader.ts";
