import { useState } from "react";
import { call } from "../../data/calls.ts";
import { Action } from "../../parts/action.tsx";
import { PagedTable, usePages } from "../../parts/pages.tsx";
import { when } from "../../parts/when.ts";

interface Revocation {
  kind: "jti" | "sub";
  id: string;
  at: number;
  expiresAt: number;
}

/** What is revoked, and a form to revoke a token or all tokens of a subject. `token`: reads again with another one. */
export function AccessView({ token }: { token: string | undefined }) {
  const pages = usePages<Revocation>(token ?? "", async () => {
    const { revocations } = await call<{ revocations: Revocation[] }>("/v1/revocations");
    return { rows: revocations };
  });
  const [kind, setKind] = useState<Revocation["kind"]>("sub");
  const [id, setId] = useState("");
  const [said, setSaid] = useState<string>();
  const named = id.trim();
  return (
    <section aria-label="Revocations">
      <h2>Revocations</h2>
      <div className="filters">
        <label>
          <span>What</span>
          <select value={kind} onChange={({ target }) => setKind(target.value as Revocation["kind"])}>
            <option value="sub">a subject (sub)</option>
            <option value="jti">a token (jti)</option>
          </select>
        </label>
        <label>
          <span>Its id</span>
          <input value={id} autoComplete="off" spellCheck={false} onChange={({ target }) => setId(target.value)} />
        </label>
        <Action
          label="Revoke"
          danger
          of={`${kind} ${named}`}
          disabled={named === ""}
          warning={
            kind === "sub"
              ? "All tokens of this subject that were issued up to now are refused, and its connections end. It cannot be taken back; a new token is accepted."
              : "This token is refused, and its connections end. It cannot be taken back."
          }
          run={(why) =>
            call<{ told: number; pending: number }>("/v1/revocations", {
              method: "PUT",
              body: { kind, id: named },
              ...why,
            })
          }
          done={({ told, pending }) => {
            setSaid(`Revoked: ${told} partitions know it${pending > 0 ? `, ${pending} get it within a minute` : ""}.`);
            setId("");
            pages.again();
          }}
        />
      </div>
      {said === undefined ? null : <p role="status">{said}</p>}
      <PagedTable
        label="Revocations"
        none="Nothing is revoked."
        columns={["What", "Id", "Issued up to", "Kept until"]}
        pages={pages}
        nameOf={(row) => `${row.kind} ${row.id}`}
        cells={(row) => [row.kind, row.id, when(row.at * 1_000), when(row.expiresAt)]}
      />
    </section>
  );
}
