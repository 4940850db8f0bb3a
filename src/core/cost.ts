// What work costs a turn beyond what `State.work` counts, in the same units of about half a microsecond. It decides
// only when work is done, so it is about right, and known without measuring.

/** Any piece of work. */
export const pieceCost = 8;
/** A draft: its checks, its row, its answer, and its part of the deliveries. */
export const draftCost = 32;
/** Bytes that one unit stands for, where text is parsed, checked, made, or read from the log. */
const bytesPerUnit = 64;

export function costOfBytes(bytes: number): number {
  return bytes / bytesPerUnit;
}
