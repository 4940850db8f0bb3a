import { DatabaseSync, type SQLOutputValue } from "node:sqlite";

/** An event as the server of the package `insieme` has stored it. */
export interface TheirEvent {
  committedId: number;
  id: string;
  projectId: string;
  userId: string | undefined;
  /** Their `partition`: the label. */
  label: string;
  type: string;
  schemaVersion: number;
  /** JSON text, as it is stored. */
  payload: string;
  /** Milliseconds since 1970, by the clock of the client and of the server. */
  clientTs: number;
  serverTs: number;
}

/** What a file has of one project. */
export interface TheirProject {
  projectId: string;
  events: number;
  /** The last `committedId`. */
  last: number;
}

/** The version of the schema that the package writes since 2.0, in its stores for SQLite and libSQL. */
const schemaVersion = 4;
/** How many events are in memory at once. */
const chunkRows = 500;

/** The file is not one of their server, or has what cannot be read. */
export class FileError extends Error {}

/** The database of a server of the package, read only: that server may go on running. */
export class TheirFile {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws FileError */
  static open(path: string): TheirFile {
    try {
      const database = new DatabaseSync(path, { readOnly: true });
      const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
      const columns = database.prepare("SELECT name FROM pragma_table_info('committed_events')").all();
      if (columns.length === 0) throw new FileError(`${path} is no database of an Insieme server.`);
      if (version !== schemaVersion) {
        throw new FileError(
          `${path} has version ${version} of its schema. Version ${schemaVersion} can be imported, which is that of insieme 2.`,
        );
      }
      return new TheirFile(database);
    } catch (error) {
      if (error instanceof FileError) throw error;
      throw new FileError(`${path} cannot be read: ${(error as Error).message}.`, { cause: error });
    }
  }

  projects(): TheirProject[] {
    const rows = this.#database
      .prepare(
        "SELECT project_id, count(*) AS events, max(committed_id) AS last FROM committed_events GROUP BY project_id ORDER BY project_id",
      )
      .all();
    return rows.map((row) => ({
      projectId: String(row["project_id"]),
      events: Number(row["events"]),
      last: Number(row["last"]),
    }));
  }

  /** The events of a project in their order, up to the one with the `committedId` `last`. */
  *events(projectId: string, last: number): Generator<TheirEvent, void> {
    const select = this.#database.prepare(
      "SELECT * FROM committed_events WHERE project_id = ? AND committed_id > ? AND committed_id <= ? ORDER BY committed_id LIMIT ?",
    );
    for (let after = 0; ;) {
      const rows = select.all(projectId, after, last, chunkRows);
      for (const row of rows) yield eventOf(row);
      if (rows.length < chunkRows) return;
      after = Number(rows.at(-1)!["committed_id"]);
    }
  }

  close(): void {
    this.#database.close();
  }
}

/** @throws FileError where its payload is compressed. */
function eventOf(row: Record<string, SQLOutputValue>): TheirEvent {
  const userId = row["user_id"];
  const { payload_compression: compression, payload } = row;
  if (compression !== null) {
    throw new FileError(`The payload of event ${String(row["committed_id"])} is compressed as ${String(compression)}.`);
  }
  return {
    committedId: Number(row["committed_id"]),
    id: String(row["id"]),
    projectId: String(row["project_id"]),
    userId: userId === null || userId === "" ? undefined : String(userId),
    label: String(row["partition"]),
    type: String(row["type"]),
    schemaVersion: Number(row["schema_version"]),
    payload: payload instanceof Uint8Array ? new TextDecoder().decode(payload) : String(payload),
    clientTs: Number(row["client_ts"]),
    serverTs: Number(row["server_ts"]),
  };
}
