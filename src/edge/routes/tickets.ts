import { callObjectOnce } from "../../platform/call.ts";
import type { Failure } from "../../protocol/index.ts";
import type { Edge } from "../env.ts";
import type { Guards } from "../guards.ts";
import { newTicket } from "../identity.ts";
import { orRefuse, Refused } from "../refused.ts";

const noTickets: Failure = {
  code: "bad_request",
  detail: "Open development mode needs no tickets.",
};

/** Tickets, which replace the token of one connection. */
export function ticketRoutes(app: Edge, { requireTenant }: Guards): void {
  app.post("/v1/tickets", requireTenant, async (c) => {
    const { identity, stub } = c.get("tenantAccess");
    if (identity.mode !== "verified") throw new Refused(noTickets);
    const { subject } = identity;
    const ticket = newTicket(subject.tenant);
    const put = orRefuse(
      await callObjectOnce(stub, (tenant) =>
        tenant.putTicket({ ticket, principal: subject.principal, subject: JSON.stringify(subject) }),
      ),
    );
    return c.json({ ticket, ...put }, 201, { "cache-control": "no-store" });
  });
}
