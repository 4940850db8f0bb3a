import type { Database } from "../database.ts";
import { bytesOf, textOf } from "../text.ts";

/** What the audit has of a segment of the log. */
export interface AuditSegment {
  /** From 0. */
  readonly segment: number;
  /** The signed head with it as the last segment, a compact JWS. */
  readonly head: string;
  /** The hashes of the whole subtrees that end with it, one after the other, its own root first. */
  readonly nodes: Uint8Array;
  /** The hashes of its leaves, one after the other. */
  readonly leaves: Uint8Array;
}

/** The table `audit_segments` of migration 0009. */
export class AuditTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** How many segments there are. */
  segments(): number {
    const [row] = this.#database.read("SELECT segment FROM audit_segments ORDER BY segment DESC LIMIT 1");
    return row ? (row["segment"] as number) + 1 : 0;
  }

  head(segment: number): string | undefined {
    const bytes = this.#column("head", segment);
    return bytes && textOf(bytes);
  }

  nodes(segment: number): Uint8Array | undefined {
    return this.#column("nodes", segment);
  }

  leaves(segment: number): Uint8Array | undefined {
    return this.#column("leaves", segment);
  }

  append({ segment, head, nodes, leaves }: AuditSegment): void {
    this.#database.write(
      "INSERT INTO audit_segments (segment, head, nodes, leaves) VALUES (?, ?, ?, ?)",
      segment,
      bytesOf(head),
      nodes,
      leaves,
    );
  }

  #column(name: "head" | "nodes" | "leaves", segment: number): Uint8Array | undefined {
    const [row] = this.#database.read(`SELECT ${name} FROM audit_segments WHERE segment = ?`, segment);
    return row && (row[name] as Uint8Array);
  }
}
