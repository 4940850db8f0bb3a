import type { EdgeMiddleware } from "./env.ts";
import { Refused } from "./refused.ts";

/** When to come back while the deployment drains, in seconds. */
const retrySeconds = 5;

/** While `PARTITA_DRAINING` is set nothing is taken, and `/readyz` says so: for taking a deployment out of traffic. */
export const drains: EdgeMiddleware = async (c, next) => {
  if (c.env.PARTITA_DRAINING !== undefined && c.env.PARTITA_DRAINING !== "" && c.req.path !== "/livez") {
    throw new Refused({
      code: "draining",
      detail: "This server is being taken out of traffic: send the same again in a moment.",
      retryAfter: retrySeconds,
    });
  }
  await next();
};
