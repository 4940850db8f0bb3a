import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef } from "react";

interface Props {
  label: string;
  count: number;
  rowHeight: number;
  /** The index of the selected row; undefined: none is in the list. */
  selected: number | undefined;
  select(index: number): void;
  /** Called with the first and the last row that is drawn. */
  drawn?(first: number, last: number): void;
  row(index: number): ReactNode;
}

/** A list of which only the visible rows exist. One row is selected; the arrow keys, Page, Home and End move the selection. */
export function VirtualList({ label, count, rowHeight, selected, select, drawn, row }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  });
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? -1];
  useEffect(() => {
    if (last >= first) drawn?.(first, last);
  }, [first, last, count, drawn]);
  // What a link leads to is shown; what a reader has chosen is where it was.
  const shown = useRef(false);
  useLayoutEffect(() => {
    if (shown.current || selected === undefined) return;
    shown.current = true;
    virtual.scrollToIndex(selected, { align: "center" });
  }, [selected, virtual]);

  const move = (event: KeyboardEvent): void => {
    const page = Math.max(Math.floor((box.current?.clientHeight ?? 0) / rowHeight) - 1, 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const step = steps[event.key];
    const at = step !== undefined ? (selected ?? -1) + step : { Home: 0, End: count - 1 }[event.key];
    if (at === undefined || count === 0) return;
    event.preventDefault();
    shown.current = true;
    const next = Math.min(Math.max(at, 0), count - 1);
    select(next);
    virtual.scrollToIndex(next);
  };

  return (
    <div
      className="list"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={selected === undefined ? undefined : `${label}-${selected}`}
      onKeyDown={move}
    >
      <div className="extent" role="presentation" style={{ height: virtual.getTotalSize() }}>
        {items.map(({ index, start }) => (
          <div
            key={index}
            id={`${label}-${index}`}
            role="option"
            aria-selected={index === selected}
            aria-setsize={count}
            aria-posinset={index + 1}
            className="row"
            style={{ transform: `translateY(${start}px)`, height: rowHeight }}
            onClick={() => {
              shown.current = true;
              select(index);
            }}
          >
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
