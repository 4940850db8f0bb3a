import { useState } from "react";
import { useLoaded } from "../parts/loaded.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { VirtualList } from "../parts/virtual-list.tsx";
import { useSession } from "../session.tsx";

const rowHeight = 66;
const signs = { added: "+", removed: "−", changed: "~" } as const;

/** What changed between the states after two events. */
export function DiffList({ from, to }: { from: number; to: number }) {
  const { worker } = useSession();
  const { value, error, loading } = useLoaded(`diff ${from} ${to}`, () => worker.call("diff", { from, to }), 120);
  const [selected, setSelected] = useState<number>();
  if (error) return <ProblemNote error={error} />;
  if (!value) return <p className="soft">{loading ? "Comparing …" : ""}</p>;
  const { changes, more } = value;
  return (
    <>
      <p className="soft note" role="status">
        {changes.length === 0 ? "Nothing differs" : `${changes.length}${more ? " and more" : ""} differences`} between{" "}
        {from.toLocaleString("en")} and {to.toLocaleString("en")}.
      </p>
      <VirtualList
        label="differences"
        count={changes.length}
        rowHeight={rowHeight}
        selected={selected}
        select={setSelected}
        row={(index) => {
          const { path, kind, before, after } = changes[index]!;
          return (
            <div className={`change ${kind}`}>
              <span className="path">
                <span aria-label={kind}>{signs[kind]}</span> {path === "" ? "state" : path}
              </span>
              <span className="before">{before ?? ""}</span>
              <span className="after">{after ?? ""}</span>
            </div>
          );
        }}
      />
    </>
  );
}
