import { type FormEvent, useState } from "react";
import { call } from "../../data/calls.ts";
import { Action, type Reason } from "../../parts/action.tsx";
import { useLoaded } from "../../parts/loaded.ts";
import { PagedTable, usePages } from "../../parts/pages.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { when } from "../../parts/when.ts";
import { hashOf } from "../../route.ts";
import { figureOf } from "../../parts/figure.ts";

interface Endpoint {
  id: string;
  url: string;
  types?: string[];
  state: string;
  paused: boolean;
  reason?: string;
  createdAt: number;
  secrets: { until?: number }[];
}

interface Deliveries {
  waiting: number;
  deadLetters: number;
  bytes: number;
  breaker: string;
  failingSince?: number;
}

interface Status {
  endpoint: Endpoint;
  deliveries: Deliveries;
}

interface Letter {
  effectId: string;
  partition: string;
  type: string;
  diedAt: number;
  attempts: number;
  status?: number;
  reason?: string;
}

const pathOf = (id: string, rest = ""): string => `/v1/endpoints/${encodeURIComponent(id)}${rest}`;

/** The endpoints outside, and what their couriers have to deliver. `token`: reads again with another one. */
export function EndpointsView({ token }: { token: string | undefined }) {
  const [round, setRound] = useState(0);
  const [chosen, setChosen] = useState<string>();
  const list = useLoaded(`${token} ${round}`, async () => {
    const { endpoints } = await call<{ endpoints: Endpoint[] }>("/v1/endpoints");
    // A tenant has at most 32.
    return await Promise.all(endpoints.map(({ id }) => call<Status>(pathOf(id))));
  });
  const again = (): void => setRound((n) => n + 1);
  return (
    <>
      <section aria-label="Endpoints">
        <h2>Endpoints</h2>
        {list.error ? <ProblemNote error={list.error} /> : null}
        {list.value?.length === 0 ? <p className="soft">There is no endpoint: no webhook leaves.</p> : null}
        {list.value && list.value.length > 0 ? (
          <div className="wide" tabIndex={0} role="region" aria-label="Endpoints">
            <table>
              <thead>
                <tr>
                  {["Endpoint", "Address", "State", "Nothing delivered since", "Wait", "Dead letters", "Types"].map(
                    (column) => (
                      <th key={column} scope="col">
                        {column}
                      </th>
                    ),
                  )}
                </tr>
              </thead>
              <tbody>
                {list.value.map(({ endpoint: { id, url, state, paused, reason, types }, deliveries }) => (
                  <tr key={id}>
                    <td>
                      <button type="button" className="link" onClick={() => setChosen(id)}>
                        {id}
                      </button>
                    </td>
                    <td>{url}</td>
                    <td>
                      {state}
                      {paused ? ", paused" : ""}
                      {reason === undefined ? "" : `: ${reason}`}
                    </td>
                    <td>{when(deliveries.failingSince)}</td>
                    <td>{deliveries.waiting.toLocaleString("en")}</td>
                    <td>{deliveries.deadLetters.toLocaleString("en")}</td>
                    <td>{types?.join(", ") ?? "all"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : null}
        <p className="actions">
          <button type="button" onClick={again}>
            Read again
          </button>
        </p>
        <Make done={again} />
      </section>
      {chosen === undefined ? null : (
        <One
          key={`${chosen} ${token}`}
          id={chosen}
          changed={again}
          removed={() => {
            setChosen(undefined);
            again();
          }}
        />
      )}
    </>
  );
}

/** A new endpoint. Its secret is shown once. */
function Make({ done }: { done(): void }) {
  const [given, setGiven] = useState({ id: "", url: "" });
  const [secret, setSecret] = useState<string>();
  const put = (event: FormEvent<HTMLInputElement>): void =>
    setGiven({ ...given, [event.currentTarget.name]: event.currentTarget.value.trim() });
  const { id, url } = given;
  return (
    <div className="filters">
      <label>
        <span>Name</span>
        <input name="id" value={id} onChange={put} autoComplete="off" spellCheck={false} maxLength={63} />
      </label>
      <label>
        <span>Address</span>
        <input name="url" value={url} onChange={put} autoComplete="off" spellCheck={false} placeholder="https://" />
      </label>
      <Action
        label="Make"
        of={`endpoint ${id}`}
        disabled={id === "" || url === ""}
        warning={`${url} is made, or changed to this address. It gets no message until it is activated.`}
        run={(why) => call<{ secret?: string }>(pathOf(id), { method: "PUT", body: { url }, ...why })}
        done={(answer) => {
          setSecret(answer.secret);
          setGiven({ id: "", url: "" });
          done();
        }}
      />
      {secret === undefined ? null : <Secret secret={secret} />}
    </div>
  );
}

function Secret({ secret }: { secret: string }) {
  return (
    <p role="status">
      Its secret, shown once: <code>{secret}</code>
    </p>
  );
}

function One({ id, changed, removed }: { id: string; changed(): void; removed(): void }) {
  const [round, setRound] = useState(0);
  const [said, setSaid] = useState<string>();
  const [secret, setSecret] = useState<string>();
  const { value, error } = useLoaded(`endpoint ${round}`, () => call<Status>(pathOf(id)));
  const again = (): void => {
    setRound((n) => n + 1);
    changed();
  };
  const post =
    <T,>(rest: string) =>
    (why: Reason) =>
      call<T>(pathOf(id, rest), { method: "POST", ...why });
  if (error) return <ProblemNote error={error} />;
  if (!value) return <p className="soft">Endpoint {id} …</p>;
  const { endpoint, deliveries } = value;
  const { url, types, paused } = endpoint;
  const facts: [string, string][] = [
    ["Address", url],
    ["State", `${endpoint.state}${paused ? ", paused" : ""}`],
    ["Why", endpoint.reason ?? ""],
    ["Breaker", deliveries.breaker],
    ["Nothing delivered since", when(deliveries.failingSince)],
    ["Wait", `${deliveries.waiting.toLocaleString("en")} messages, ${figureOf("bytes", deliveries.bytes)}`],
    ["Dead letters", deliveries.deadLetters.toLocaleString("en")],
    ["Made", when(endpoint.createdAt)],
    ["Secrets that sign", String(endpoint.secrets.length)],
  ];
  return (
    <section aria-label={`Endpoint ${id}`}>
      <h2>Endpoint {id}</h2>
      <dl className="facts">
        {facts.map(([name, text]) =>
          text === "" ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ),
        )}
      </dl>
      {said === undefined ? null : <p role="status">{said}</p>}
      {secret === undefined ? null : <Secret secret={secret} />}
      <p className="actions">
        <Action
          label="Test"
          of={id}
          warning="A signed message of the type partita.test is sent once."
          run={post<{ delivered: boolean; status?: number; reason?: string }>("/test")}
          done={({ delivered, status, reason }) =>
            setSaid(`The test was ${delivered ? "delivered" : "not delivered"}: ${reason ?? status ?? ""}`)
          }
        />
        <Action
          label="Activate"
          of={id}
          warning="A challenge is sent to it. If it answers that, it gets messages from then on, also if it was disabled."
          run={post("/activate")}
          done={again}
        />
        <Action
          label={paused ? "Go on" : "Pause"}
          of={id}
          warning={
            paused
              ? "What waits is delivered from now on."
              : "Nothing is sent to it. What is to be delivered waits, and does not become a dead letter for that."
          }
          run={(why) =>
            call(pathOf(id), { method: "PUT", body: { url, ...(types && { types }), paused: !paused }, ...why })
          }
          done={again}
        />
        <Action
          label="Rotate the secret"
          danger
          of={id}
          warning="Messages are signed by a new secret, and for a day by the present one, too."
          run={post<{ secret: string }>("/rotate")}
          done={(answer) => {
            setSecret(answer.secret);
            again();
          }}
        />
        <Action
          label="Remove"
          danger
          of={id}
          warning="What waits for it is deleted, dead letters included."
          run={(why) => call(pathOf(id), { method: "DELETE", ...why })}
          done={removed}
        />
      </p>
      <Letters id={id} key={round} changed={again} />
    </section>
  );
}

/** What this endpoint did not take. */
function Letters({ id, changed }: { id: string; changed(): void }) {
  const pages = usePages<Letter>(id, async (after) => {
    const query = after === undefined ? "" : `?after=${after}`;
    const page = await call<{ deadLetters: Letter[]; next?: number }>(pathOf(id, `/dead-letters${query}`));
    return { rows: page.deadLetters, next: page.next };
  });
  const at = (effectId: string, rest = ""): string =>
    pathOf(id, `/dead-letters/${encodeURIComponent(effectId)}${rest}`);
  return (
    <>
      <h3>What it did not take</h3>
      <PagedTable
        label={`Dead letters of the endpoint ${id}`}
        none="It has taken everything."
        columns={["Given up", "Message", "From", "Why", "What to do"]}
        pages={pages}
        nameOf={({ effectId }) => effectId}
        cells={({ diedAt, effectId, type, partition, attempts, status, reason }) => [
          when(diedAt),
          type,
          <a key="from" href={hashOf(partition, "log", { event: effectId.split(":")[1] ?? "" })}>
            {partition}
          </a>,
          [reason, status, `${attempts} attempts`].filter((each) => each !== undefined).join(", "),
          <span key="do" className="actions">
            <Action
              label="Replay"
              of={effectId}
              warning="It is sent again under the same id, in its old place in the order."
              run={(why) => call(at(effectId, "/replay"), { method: "POST", ...why })}
              done={changed}
            />
            <Action
              label="Discard"
              danger
              of={effectId}
              warning="It is deleted. Ordered messages behind it are sent."
              run={(why) => call(at(effectId), { method: "DELETE", ...why })}
              done={changed}
            />
          </span>,
        ]}
      />
      {pages.rows.length === 0 ? null : (
        <p>
          <Action
            label="Replay all"
            of={id}
            warning="The first 500 are sent again, under the same ids."
            run={(why) => call(pathOf(id, "/dead-letters/replay"), { method: "POST", ...why })}
            done={changed}
          />
        </p>
      )}
    </>
  );
}
