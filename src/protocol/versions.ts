/**
 * The version of the wire that this project's own clients send as `connect.payload.version`. It has no effect as
 * long as every change is an option that a client must ask for. Its history is in docs/PROTOCOL.md, section 13.
 */
export const protocolVersion = "1";
