/**
 * The wire, version by version. `connect.payload.version` says which one a client was written for;
 * it decides nothing while every change only adds what a client must ask for.
 */
const protocolHistory = [
  { version: "0.0.8", note: "The Insieme backend design: the first list of docs/PROTOCOL.md." },
  {
    version: "1",
    note: "Adds connect.modelVersion, connect.initialState, connect.sinceEventId, paging of sync, expectedEventId.",
  },
] as const;

/** The version that this project's own clients speak. */
export const protocolVersion = protocolHistory[1].version;
