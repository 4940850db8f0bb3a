/**
 * The version of the wire that this project's own clients speak: what `connect.payload.version` says.
 * It decides nothing while every change only adds what a client must ask for. Its history is in
 * docs/PROTOCOL.md, section 13.
 */
export const protocolVersion = "1";
