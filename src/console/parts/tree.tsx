import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type { NodePath, TreeNode } from "../data/messages.ts";

const rowHeight = 24;

interface Row {
  node: TreeNode;
  name: string;
  depth: number;
  open: boolean;
}

interface Props {
  label: string;
  /** What the tree is of: another value keeps what is open. */
  root: TreeNode;
  version: number;
  children(path: NodePath): Promise<TreeNode[]>;
}

const nameOf = (path: NodePath): string => JSON.stringify(path);

/** A JSON value as a tree. What is closed does not exist here: children are asked for when a node is opened. */
export function Tree({ label, root, version, children }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set(["[]"]));
  const [known, setKnown] = useState<{ version: number; of: ReadonlyMap<string, TreeNode[]> }>({
    version,
    of: new Map(),
  });
  const [at, setAt] = useState("[]");
  const box = useRef<HTMLDivElement>(null);

  const rows = useMemo(() => {
    const all: Row[] = [];
    const visit = (node: TreeNode, depth: number): void => {
      const name = nameOf(node.path);
      const isOpen = node.size > 0 && open.has(name);
      all.push({ node, name, depth, open: isOpen });
      if (isOpen) for (const child of known.of.get(name) ?? []) visit(child, depth + 1);
    };
    visit(root, 0);
    return all;
  }, [root, open, known]);

  // What is open and not known of this version is asked for; the old children stay until then.
  useEffect(() => {
    let current = true;
    const missing = [...open].filter((name) => known.version !== version || !known.of.has(name));
    if (missing.length === 0) return undefined;
    const load = async (): Promise<void> => {
      const found = await Promise.all(
        missing.map(async (name) => [name, await children(JSON.parse(name) as NodePath).catch(() => [])] as const),
      );
      if (!current) return;
      setKnown((before) => ({ version, of: new Map([...(before.version === version ? before.of : []), ...found]) }));
    };
    void load();
    return () => {
      current = false;
    };
  }, [open, known, version, children]);

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  });
  const place = Math.max(
    rows.findIndex(({ name }) => name === at),
    0,
  );
  const toggle = ({ name, node }: Row, wanted = !open.has(name)): void => {
    if (node.size === 0) return;
    const next = new Set(open);
    if (wanted) next.add(name);
    else next.delete(name);
    setOpen(next);
  };
  const go = (index: number): void => {
    const next = Math.min(Math.max(index, 0), rows.length - 1);
    setAt(rows[next]!.name);
    virtual.scrollToIndex(next);
  };
  const parentOf = (index: number): number => {
    let above = index;
    while (above > 0 && rows[above]!.depth >= rows[index]!.depth) above--;
    return above;
  };
  const keys: Record<string, (row: Row) => void> = {
    ArrowDown: () => go(place + 1),
    ArrowUp: () => go(place - 1),
    ArrowRight: (row) => (row.open ? go(place + 1) : toggle(row, true)),
    ArrowLeft: (row) => (row.open ? toggle(row, false) : go(parentOf(place))),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    Enter: (row) => toggle(row),
  };
  const press = (event: KeyboardEvent): void => {
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act(rows[place]!);
  };

  return (
    <div
      className="tree"
      ref={box}
      role="tree"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={`${label}-${place}`}
      onKeyDown={press}
    >
      <div className="extent" role="presentation" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index]!;
          const { node, depth } = row;
          return (
            <div
              key={row.name}
              id={`${label}-${index}`}
              role="treeitem"
              aria-level={depth + 1}
              aria-expanded={node.size > 0 ? row.open : undefined}
              aria-selected={index === place}
              className="row"
              style={{ transform: `translateY(${start}px)`, height: rowHeight, paddingInlineStart: depth * 16 + 4 }}
              onClick={() => {
                setAt(row.name);
                toggle(row);
              }}
            >
              <span className="twist" aria-hidden="true">
                {node.size > 0 ? (row.open ? "▾" : "▸") : ""}
              </span>
              <span className="key">{node.key}</span>
              <span className="size">{sizeOf(node)}</span>
              {row.open ? null : <span className={`value ${node.kind}`}>{node.preview}</span>}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function sizeOf({ kind, size }: TreeNode): string {
  if (kind === "array") return `[${size}]`;
  if (kind === "object") return `{${size}}`;
  return "";
}
