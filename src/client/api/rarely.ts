/** What a client needs only at times: a file of its own. */
export { digestOf } from "./digest.ts";
export * from "./queue-tools.ts";
export { mayDelete, signOutEverywhere } from "./sign-out.ts";
