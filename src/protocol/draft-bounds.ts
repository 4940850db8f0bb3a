/** The bounds that a client checks, too. They have a file of their own, so that the bundle of a client stays small. */
export const draftBounds = {
  /** A frame from a client, in UTF-8 bytes. The platform accepts 32 MiB, but an event of that size is an upload, not an edit. */
  frameBytesMax: 64 * 1024,
  /** Events of one batch; its bytes are bounded by its frame. */
  batchEventsMax: 256,
  /** Nesting of objects and arrays in a frame; deeper input is an attack on recursive code. */
  jsonDepthMax: 32,
  /** How many violations one error lists. */
  violationsMax: 20,
  /** Characters of the ids that clients choose: message ids, draft ids, client ids. */
  idLengthMax: 128,
  /** The presence of a connection, as JSON text in UTF-8 bytes: it must fit into the socket's attachment of 16 KiB. */
  presenceBytesMax: 2 * 1024,
} as const;
