import type { EndReason } from "../dialect.ts";

const closeCodes: Record<EndReason, number> = {
  payload_too_large: 1009,
  unauthenticated: 4401,
  auth_expired: 4401,
  auth_revoked: 4401,
  forbidden: 4403,
  too_many_connections: 1013,
  draining: 1012,
  slow_consumer: 1013,
  overloaded: 1013,
  idle: 1001,
  recycled: 1012,
  frames_missing: 1002,
  unsupported: 1002,
};

/** The WebSocket close code of a connection that ends for this reason. */
export function closeCode(reason: EndReason): number {
  return closeCodes[reason];
}
