import { type ReactNode, useCallback, useEffect, useState } from "react";
import { ProblemNote } from "./problem.tsx";

/** Rows of a list that comes in pages, as far as they are loaded. */
interface Paged<T> {
  rows: readonly T[];
  next: number | string | undefined;
  error: unknown;
  loading: boolean;
}

/** Reads a list page by page; again from the first one where `key` changes. `round`: asks for the first page again. */
export function usePages<T>(
  key: string,
  read: (after: number | string | undefined) => Promise<{ rows: readonly T[]; next?: number | string | undefined }>,
): Paged<T> & { more(): void; again(): void } {
  const [paged, setPaged] = useState<Paged<T>>({ rows: [], next: undefined, error: undefined, loading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    setPaged((before) => ({ ...before, error: undefined, loading: true }));
    read(undefined).then(
      ({ rows, next }) => current && setPaged({ rows, next, error: undefined, loading: false }),
      (error: unknown) => current && setPaged({ rows: [], next: undefined, error, loading: false }),
    );
    return () => {
      current = false;
    };
    // A new `read` comes with each rendering; the key says what it reads.
  }, [key, round]);
  const more = (): void => {
    if (paged.next === undefined) return;
    setPaged((before) => ({ ...before, loading: true }));
    read(paged.next).then(
      ({ rows, next }) =>
        setPaged((before) => ({ rows: [...before.rows, ...rows], next, error: undefined, loading: false })),
      (error: unknown) => setPaged((before) => ({ ...before, error, loading: false })),
    );
  };
  const again = useCallback(() => setRound((n) => n + 1), []);
  return { ...paged, more, again };
}

/** A table of such a list, with a button for its next page. */
export function PagedTable<T>(props: {
  label: string;
  none: string;
  columns: readonly string[];
  pages: ReturnType<typeof usePages<T>>;
  nameOf(row: T, index: number): string;
  cells(row: T): readonly ReactNode[];
}) {
  const { label, none, columns, pages, nameOf, cells } = props;
  const { rows, next, error, loading, more, again } = pages;
  return (
    <>
      {error ? <ProblemNote error={error} /> : null}
      {rows.length === 0 ? (
        <p className="soft" role="status">
          {loading ? "Loading …" : error ? "" : next === undefined ? none : "None so far."}
        </p>
      ) : (
        <div className="wide" tabIndex={0} role="region" aria-label={label}>
          <table>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr key={nameOf(row, index)}>
                  {cells(row).map((cell, at) => (
                    <td key={columns[at]}>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="actions">
        <button type="button" onClick={again} disabled={loading}>
          Read again
        </button>
        {next === undefined ? null : (
          <button type="button" onClick={more} disabled={loading}>
            More
          </button>
        )}
      </p>
    </>
  );
}
