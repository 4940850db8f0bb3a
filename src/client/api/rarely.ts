/** What a client needs only at times: a file of its own. */
export * from "./queue-tools.ts";
export { mayDelete, signOutEverywhere } from "./sign-out.ts";
