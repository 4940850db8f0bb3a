import { callObject } from "../platform/call.ts";
import type { ActionDetails } from "../platform/actions-api.ts";
import { headers } from "../protocol/headers.ts";
import type { Failure } from "../protocol/index.ts";
import type { EdgeContext } from "./env.ts";
import { authorOf } from "./identity.ts";
import { orRefuse, Refused } from "./refused.ts";

/** The longest reason, in characters. */
const reasonLengthMax = 500;
/** Characters that would show a line of the list or of the log as another one: controls, ends of lines, directions. */
const misleading = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/**
 * Notes in the list of the tenant what the caller is about to do: before it is done, so that nothing is done that is not
 * in the list. What is refused afterwards is in it, too.
 *
 * @throws Refused where the reason cannot be read; Unanswered.
 */
export async function note(c: EdgeContext, action: string, details: ActionDetails = {}): Promise<void> {
  const { identity, stub } = c.get("tenantAccess");
  const { author } = orRefuse(authorOf(identity, c.req.raw));
  const reason = reasonOf(c);
  const partition = c.req.param("partition");
  const noted = {
    id: crypto.randomUUID(),
    action: {
      principal: author.principal,
      action,
      ...(partition === undefined ? {} : { partition }),
      ...(reason === undefined ? {} : { reason }),
      ...(Object.keys(details).length === 0 ? {} : { details }),
      traceId: c.get("traceId"),
    },
  };
  await callObject(stub, (tenant) => tenant.note(noted));
}

const unreadable: Failure = {
  code: "bad_request",
  detail: `Partita-Reason has at most ${reasonLengthMax} characters, percent-encoded where they are not ASCII, and none that controls lines or directions.`,
};

function reasonOf(c: EdgeContext): string | undefined {
  const given = c.req.header(headers.reason.name);
  if (given === undefined || given === "") return undefined;
  try {
    const reason = decodeURIComponent(given);
    if (reason.length <= reasonLengthMax && !misleading.test(reason)) return reason;
  } catch {
    // Not percent-encoded.
  }
  throw new Refused(unreadable);
}
