import { bounds } from "../../src/protocol/bounds.ts";

/** So low that a run of some hundred steps reaches them. A frame and an event of the runs have about 300 bytes. */
const lowered: Partial<Record<keyof typeof bounds, number>> = {
  outstandingBytesPerConnectionMax: 12 * 1024,
  outstandingBytesPerPrincipalMax: 48 * 1024,
  outstandingBytesMax: 192 * 1024,
  outstandingShareBytes: 4 * 1024,
  readBytesPerSecond: 64 * 1024,
  readBytesPerSecondPerPrincipal: 256 * 1024,
  readBytesPerSecondOfPartition: 1024 * 1024,
  unprovenBytesPerConnectionMax: 64 * 1024,
  unprovenBytesPerPrincipalMax: 256 * 1024,
  probeEveryBytes: 4 * 1024,
  replyBytesReserved: 2 * 1024,
  replyBytesReservedPerDraft: 1024,
  frameMessagesMax: 8,
  windowWorkPerConnectionMax: 8,
  catchUpBytesMax: 16 * 1024,
  catchUpBytesFree: 1024,
};
/** So low that states come in chunks. */
const chunked: Partial<Record<keyof typeof bounds, number>> = { inlineStateBytesMax: 512 };
const usual = { ...bounds };

/** Lowers the bounds of what is outstanding and sent, and those of states, or restores them. Runs follow each other, each with its own. */
export function lowerBounds(low: boolean, chunks: boolean): void {
  Object.assign(bounds, usual, low ? lowered : {}, chunks ? chunked : {});
}
