// What work costs a turn beyond what `State.work` counts, in the same units of about half a microsecond. It decides
// only when work is done, so it is about right, and known without measuring.

/** Any piece of work. */
export const pieceCost = 8;
/** A draft: its checks, its row, its answer, and its part of the deliveries. */
export const draftCost = 32;
/** Bytes that one unit stands for, where text is parsed, checked, made, or read from the log. */
const bytesPerUnit = 64;
const stateUnitsPerUnit = 16;
/** An event that is folded: 5,000 take up to 33 ms, and 1 MiB of `{}` takes 35 ms (docs/decisions/0010-reads.md). */
const foldCost = 12;
const foldBytesPerUnit = 16;

export function costOfBytes(bytes: number): number {
  return bytes / bytesPerUnit;
}

/** To make this number of UTF-16 units of the text of a state: small objects take up to 2 ms for 64 Ki. */
export function costOfStateText(units: number): number {
  return units / stateUnitsPerUnit;
}

/** To fold an event with a payload of this number of bytes. */
export function costOfFold(payloadBytes: number): number {
  return foldCost + payloadBytes / foldBytesPerUnit;
}
