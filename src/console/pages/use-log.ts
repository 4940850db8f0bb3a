import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { EventSummary, Filter } from "../data/messages.ts";
import { useSession } from "../session.tsx";

/** Rows that are kept on the page beside the visible ones. */
const keptMax = 2_000;
/** The pause after a key in a filter before it is used. */
const filterPauseMs = 150;

/** The rows of the log, the newest first. */
export interface LogRows {
  count: number;
  /** The id of the event at a row, and its row. */
  idAt(index: number): number | undefined;
  indexOf(eventId: number): number | undefined;
  summary(eventId: number): EventSummary | undefined;
  /** Asks for what is drawn. */
  drawn(first: number, last: number): void;
  /** How far a filter has looked, and whether it has ended; undefined: there is no filter. */
  search: { scanned: number; done: boolean } | undefined;
  /** Events that came while the list stood still. */
  fresh: number;
  showFresh(): void;
}

/** The log through a filter. `still`: what is new does not move the rows. */
export function useLog(filter: Filter, still: boolean): LogRows {
  const { worker, head } = useSession();
  const active = filter.type !== "" || filter.author !== "" || filter.text !== "";
  const [shownHead, setShownHead] = useState(head);
  const [found, setFound] = useState<readonly number[]>([]);
  const [search, setSearch] = useState<LogRows["search"]>();
  const summaries = useRef(new Map<number, EventSummary>());
  const [, redraw] = useState(0);

  useEffect(() => {
    if (!still) setShownHead(head);
  }, [head, still]);

  const { type, author, text } = filter;
  useEffect(() => {
    setFound([]);
    setSearch(active ? { scanned: head, done: false } : undefined);
    const end = worker.listen((news) => {
      if (news.kind !== "found") return;
      setFound((before) => (news.fresh ? [...news.ids, ...before] : [...before, ...news.ids]));
      if (!news.fresh) setSearch({ scanned: news.scanned, done: news.done });
    });
    const timer = setTimeout(
      () => void worker.call("filter", { filter: active ? { type, author, text } : undefined }),
      active ? filterPauseMs : 0,
    );
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [worker, active, type, author, text]);

  const places = useMemo(() => new Map(active ? found.map((id, at) => [id, at] as const) : []), [active, found]);
  const count = active ? found.length : shownHead;
  const idAt = (index: number) => (active ? found[index] : shownHead - index > 0 ? shownHead - index : undefined);

  const read = useCallback(
    async (from: number, to: number): Promise<void> => {
      const kept = summaries.current;
      try {
        for (const event of await worker.call("events", { from, to })) kept.set(event.eventId, event);
      } catch {
        // What cannot be read now is asked for again when it is drawn again.
        return;
      }
      for (const id of kept.keys()) {
        if (kept.size <= keptMax) break;
        kept.delete(id);
      }
      redraw((n) => n + 1);
    },
    [worker],
  );

  const drawn = useCallback(
    (first: number, last: number): void => {
      const ids = Array.from({ length: last - first + 1 }, (_, at) =>
        active ? found[first + at] : shownHead - first - at,
      ).filter((id): id is number => id !== undefined && id > 0 && !summaries.current.has(id));
      if (ids.length === 0) return;
      // One question for each run of ids: found ones can be far from each other.
      for (const [from, to] of runsOf(ids)) {
        void read(from, to);
      }
    },
    [read, active, found, shownHead],
  );

  return {
    count,
    idAt,
    indexOf: (id) => {
      if (active) return places.get(id);
      return id > shownHead || id < 1 ? undefined : shownHead - id;
    },
    summary: (id) => summaries.current.get(id),
    drawn,
    search,
    fresh: active ? 0 : head - shownHead,
    showFresh: () => setShownHead(head),
  };
}

/** Descending ids as ranges of ids that follow each other. */
function runsOf(ids: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const id of ids) {
    const last = runs.at(-1);
    if (last && last[0] === id + 1) last[0] = id;
    else runs.push([id, id]);
  }
  return runs;
}
