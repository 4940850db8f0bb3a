import type { Database } from "../database.ts";
import { bytesOf, textOf } from "../text.ts";

/** A ticket that was not used yet. */
export interface TicketRow {
  /** Of the ticket, which itself is not stored. */
  sha256: Uint8Array;
  principal: string;
  /** JSON text: the verified subject. */
  subject: string;
  expiresAt: number;
}

export interface TicketReads {
  /** How many are stored in all, and how many of this principal. */
  count(principal: string): { total: number; own: number };
}

export interface TicketWrites {
  add(ticket: TicketRow): void;
  /** Deletes a ticket and returns it; undefined: there is none. */
  take(sha256: Uint8Array): Pick<TicketRow, "subject" | "expiresAt"> | undefined;
  /** Deletes the tickets that have expired. */
  sweep(now: number): void;
}

/** The table `tickets` of the tenant's migration 0001. */
export class TicketsTable implements TicketReads, TicketWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  count(principal: string): { total: number; own: number } {
    const [row] = this.#database.read(
      "SELECT count(*) AS total, count(*) FILTER (WHERE principal = ?) AS own FROM tickets",
      principal,
    );
    return row ? { total: row["total"] as number, own: row["own"] as number } : { total: 0, own: 0 };
  }

  add({ sha256, principal, subject, expiresAt }: TicketRow): void {
    this.#database.write(
      "INSERT INTO tickets (sha256, principal, subject, expires_at) VALUES (?, ?, ?, ?)",
      sha256,
      principal,
      bytesOf(subject),
      expiresAt,
    );
  }

  take(sha256: Uint8Array): Pick<TicketRow, "subject" | "expiresAt"> | undefined {
    const [row] = this.#database.write("DELETE FROM tickets WHERE sha256 = ? RETURNING subject, expires_at", sha256);
    return row && { subject: textOf(row["subject"] as Uint8Array), expiresAt: row["expires_at"] as number };
  }

  sweep(now: number): void {
    this.#database.write("DELETE FROM tickets WHERE expires_at <= ?", now);
  }
}
