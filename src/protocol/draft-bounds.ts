/** The bounds that a client, too, holds a draft against. In a file of their own, because a client is to have no more of `limits` than it needs. */
export const draftBounds = {
  /** A frame from a client, in UTF-8 bytes. The platform would take 32 MiB; an event of this size is an upload, not an edit. */
  frameBytesMax: 64 * 1024,
  /** Events of one batch; its bytes are bounded by its frame. */
  batchEventsMax: 256,
  /** Nesting of objects and arrays in a frame; deeper input is an attack on recursive code. */
  jsonDepthMax: 32,
  /** How many violations one error lists. */
  violationsMax: 20,
  /** Characters of the ids that clients choose: message ids, draft ids, client ids. */
  idLengthMax: 128,
} as const;
