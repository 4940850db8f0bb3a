/** Something that is stored, or in memory, and does not agree with the log. */
export interface Finding {
  /** Where it begins; absent: it is of no event. */
  readonly eventId?: number;
  readonly detail: string;
}
