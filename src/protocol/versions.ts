/**
 * The wire, version by version. `connect.payload.version` says which one the client was written
 * for; it is recorded, and decides nothing while every change only adds what a client must ask for.
 */
export const protocolHistory = [
  { version: "0.0.8", note: "The Insieme backend design: the messages of the first list of docs/PROTOCOL.md." },
  {
    version: "1",
    note: "Adds connect.modelVersion, connect.initialState, connect.sinceEventId, paging of sync, expectedEventId.",
  },
] as const;

/** The current version. */
export const protocolVersion = protocolHistory.at(-1)!.version;
