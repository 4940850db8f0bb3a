import type { EdgeMiddleware } from "./env.ts";
import { Refused } from "./refused.ts";

/** `Retry-After` while the deployment drains, in seconds. */
const retrySeconds = 5;

/** Refuses every request but `/livez` while `PARTITA_DRAINING` is set, to take a deployment out of traffic. */
export const refuseWhileDraining: EdgeMiddleware = async (c, next) => {
  if (c.env.PARTITA_DRAINING !== undefined && c.env.PARTITA_DRAINING !== "" && c.req.path !== "/livez") {
    throw new Refused({
      code: "draining",
      detail: "This server is being taken out of traffic: send the same request again in a moment.",
      retryAfter: retrySeconds,
    });
  }
  await next();
};
