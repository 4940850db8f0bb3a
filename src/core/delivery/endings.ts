import type { Failure } from "../../protocol/index.ts";

/** How long a client waits after a failure that may pass, in seconds. */
export const retryAfterSeconds = 1;

/** The last failure of a listener whose token has expired. */
export const tokenExpired: Failure = {
  code: "auth_expired",
  detail: "Your token has expired: connect with a new one.",
};

/** The last failure of a listener whose token was verified by other keys than those in force. */
export const keysReplaced: Failure = {
  code: "auth_expired",
  detail: "The server's keys have changed since your token was verified: connect with a new one.",
};

/** The last failure of a listener whose token was revoked. */
export const tokenRevoked: Failure = { code: "auth_revoked", detail: "Your token was revoked: sign in again." };

/** The answer while the partition is being moved. */
export const draining: Failure = {
  code: "draining",
  detail: "This partition is being moved: send the same again in a moment.",
  retryAfter: retryAfterSeconds,
};
