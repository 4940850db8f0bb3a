/** What a client needs only if it has tokens: a file of its own. */
export { firstToken } from "./first-token.ts";
export { Renewal } from "./renewal.ts";
export { identityOf } from "./token-identity.ts";
