/**
 * Thrown where what is stored cannot be what was written: a payload that is no JSON, a row that is missing. Reading it
 * again gives the same; it is repaired from outside, or not at all.
 */
export class Damage extends Error {
  override name = "Damage";
  /** The event of the log that it is; undefined: something else. */
  readonly eventId: number | undefined;

  /** `what`: what is damaged, and how, in words that clients may read. */
  constructor(what: string, eventId?: number, options?: ErrorOptions) {
    super(what, options);
    this.eventId = eventId;
  }
}

/** What SQLite says of a file whose pages are damaged: SQLITE_CORRUPT and SQLITE_NOTADB, by name or by message. */
const corruptFile = /SQLITE_CORRUPT|SQLITE_NOTADB|disk image is malformed|file is not a database/;

/** What a statement threw; as `Damage` where it says that the file is damaged. */
export function damageIn(error: unknown): unknown {
  return error instanceof Error && corruptFile.test(error.message)
    ? new Damage("the database file is damaged", undefined, { cause: error })
    : error;
}
