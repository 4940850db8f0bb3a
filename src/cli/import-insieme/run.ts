import { type FittedEvent, Fitting, type Misfit } from "./fit.ts";
import { Comparison, digestView, type Proof, type TheirView } from "./prove.ts";
import { RefusedEvent, sendEvents, type Target } from "../import/send.ts";
import { readProject } from "./their-wire.ts";
import { FileError, TheirFile, type TheirProject } from "./their-file.ts";

/** What is imported, and where to. */
export interface InsiemeImport extends Target {
  /** The database of their server. */
  file: string;
  /** One project; undefined: all. */
  project: string | undefined;
  /** Numbers and times that do not fit are changed. */
  adjust: boolean;
  /** The client that the token names: it reads the result as clients of Insieme do. */
  clientId: string;
  /** What is folded to compare; undefined: a digest of the events. */
  views: readonly TheirView[] | undefined;
  /** Nothing is written: only compared what fits. */
  dryRun: boolean;
  onProgress(projectId: string, eventId: number): void;
}

/** The result of an import. */
export interface InsiemeImported {
  projects: readonly (TheirProject & { proof: Proof | undefined; numbers: number; times: number })[];
  /** Not empty: nothing was imported; or the last one is an event that the server refused. */
  misfits: readonly Misfit[];
}

/**
 * Imports the committed log of a server of the package `insieme`, project by project, each into the partition of its name,
 * and compares what a client of Insieme then receives with the file. What does not fit is found before anything is written.
 *
 * @throws FileError, ServerError
 */
export async function importInsieme(options: InsiemeImport): Promise<InsiemeImported> {
  const file = TheirFile.open(options.file);
  try {
    const projects = file.projects().filter(({ projectId }) => [undefined, projectId].includes(options.project));
    if (projects.length === 0) {
      const which = options.project === undefined ? "event" : `event of a project "${options.project}"`;
      throw new FileError(`${options.file} has no ${which}.`);
    }
    const fittings = projects.map((project) => {
      const fitting = new Fitting(project.projectId, options.adjust);
      for (const event of file.events(project.projectId, project.last)) fitting.fit(event);
      return fitting;
    });
    const misfits = fittings.flatMap((fitting) => fitting.misfits);
    const results: InsiemeImported["projects"][number][] = [];
    for (const [at, project] of projects.entries()) {
      let proof: Proof | undefined;
      if (misfits.length === 0 && !options.dryRun) {
        try {
          proof = await importProject(file, project, options);
        } catch (error) {
          if (!(error instanceof RefusedEvent)) throw error;
          const { projectId, committedId } = error.event as FittedEvent;
          misfits.push({ projectId, committedId, why: error.message });
        }
      }
      results.push({ ...project, proof, ...fittings[at]!.adjusted });
    }
    return { projects: results, misfits };
  } finally {
    file.close();
  }
}

async function importProject(
  file: TheirFile,
  { projectId, last }: TheirProject,
  options: InsiemeImport,
): Promise<Proof> {
  const fitted = function* (after: number): Generator<FittedEvent, void> {
    const fitting = new Fitting(projectId, options.adjust);
    for (const event of file.events(projectId, last)) {
      const own = fitting.fit(event);
      if (own.eventId > after) yield own;
    }
  };
  await sendEvents(options, {
    partition: projectId,
    member: "events",
    eventsAfter: fitted,
    textOf,
    onProgress: (eventId) => options.onProgress(projectId, eventId),
  });
  const comparison = new Comparison(options.views ?? [await standardView()]);
  const theirs = fitted(0);
  const address = new URL(`insieme/${encodeURIComponent(projectId)}`, options.url);
  address.protocol = options.url.protocol === "https:" ? "wss:" : "ws:";
  for await (const ours of readProject(address, { projectId, clientId: options.clientId, token: options.token })) {
    const next = theirs.next();
    comparison.take(next.done ? undefined : next.value, ours);
  }
  for (const left of theirs) comparison.take(left, undefined);
  return comparison.end();
}

/** @throws FileError where the package is not installed. */
async function standardView(): Promise<TheirView> {
  try {
    const { createReducer } = await import("insieme/client");
    return digestView(createReducer as (options: object) => TheirView["reduce"]);
  } catch (error) {
    throw new FileError("Install the package insieme beside this one: it folds the events of the file.", {
      cause: error,
    });
  }
}

/** An event as it is sent. */
function textOf(event: FittedEvent): string {
  const { eventId: committedId, timestamp: serverTs, id, projectId, userId, label, type, schemaVersion } = event;
  const own = { id, projectId, userId, partition: label, type, schemaVersion, meta: { clientTs: event.clientTs } };
  // The payload is sent as it is stored.
  return `${JSON.stringify({ committedId, serverTs, ...own }).slice(0, -1)},"payload":${event.payload}}`;
}
