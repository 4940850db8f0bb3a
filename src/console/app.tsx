import { type FormEvent, useState } from "react";
import { type CallFailed, setToken as setTokenOfCalls } from "./data/calls.ts";
import { ConnectionsView } from "./pages/connections.tsx";
import { HealthView } from "./pages/health.tsx";
import { LogView } from "./pages/log.tsx";
import { RejectionsView } from "./pages/rejections.tsx";
import { SagasView } from "./pages/sagas.tsx";
import { StateView } from "./pages/state.tsx";
import { AccessView } from "./pages/tenant/access.tsx";
import { ActionsView } from "./pages/tenant/actions.tsx";
import { DirectoryView } from "./pages/tenant/directory.tsx";
import { EndpointsView } from "./pages/tenant/endpoints.tsx";
import { LettersView } from "./pages/tenant/letters.tsx";
import { LimitsView } from "./pages/tenant/limits.tsx";
import { LoadView } from "./pages/tenant/load.tsx";
import { VerificationView } from "./pages/tenant/verification.tsx";
import { WorkView } from "./pages/work.tsx";
import { ProblemNote } from "./parts/problem.tsx";
import { hashOf, type Route, tenantHashOf, tenantViews, useRoute, views } from "./route.ts";
import { PartitionSession, useSession } from "./session.tsx";

const pages = {
  log: LogView,
  state: StateView,
  rejections: RejectionsView,
  connections: ConnectionsView,
  work: WorkView,
  sagas: SagasView,
  health: HealthView,
};

const tenantPages = {
  overview: Overview,
  endpoints: EndpointsView,
  letters: LettersView,
  verification: VerificationView,
  limits: LimitsView,
  access: AccessView,
  actions: ActionsView,
};

/** What a page of the tenant gets. `token`: it reads again with another one. */
interface TenantPage {
  token: string | undefined;
}

/** The console: asks for a partition, opens it, and shows one of its views. */
export function App() {
  const route = useRoute();
  const [token, setToken] = useState<string>();
  const use = (given: string | undefined): void => {
    setTokenOfCalls(given);
    setToken(given);
  };
  const { partition } = route;
  if (partition === undefined) return <Tenant route={route} token={token} setToken={use} />;
  return (
    <PartitionSession
      key={partition}
      partition={partition}
      token={token}
      failed={(error) => <Refused error={error} setToken={use} />}
    >
      <Partition route={route} />
    </PartitionSession>
  );
}

function Partition({ route }: { route: Route }) {
  const { partition, head, live } = useSession();
  const Page = pages[route.view];
  return (
    <>
      <div className="bar">
        <h1>
          <a href={hashOf(undefined)}>Console</a> <span aria-hidden="true">/</span> {partition}
        </h1>
        <nav aria-label="Views">
          {views.map(({ name, title }) => (
            <a key={name} href={hashOf(partition, name)} aria-current={name === route.view ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <p className="standing">
          <span className={live ? "dot live" : "dot"} aria-hidden="true" />
          {live ? "Live" : "Not live"}, head {head.toLocaleString("en")}
        </p>
      </div>
      {head === 0 ? (
        <p className="pad" role="status">
          Nothing was ever written to {partition}. Is its name right?
        </p>
      ) : null}
      <Page route={route} />
    </>
  );
}

function openNamed(event: FormEvent<HTMLFormElement>): void {
  event.preventDefault();
  const name = String(new FormData(event.currentTarget).get("partition") ?? "").trim();
  if (name !== "") location.hash = hashOf(name);
}

/** The tenant: which partition, and what is of all of them. */
function Tenant(props: { route: Route; token: string | undefined; setToken(token: string | undefined): void }) {
  const { route, token, setToken } = props;
  const Page = tenantPages[route.tenantView];
  return (
    <>
      <div className="bar">
        <h1>Console</h1>
        <nav aria-label="Views">
          {tenantViews.map(({ name, title }) => (
            <a key={name} href={tenantHashOf(name)} aria-current={name === route.tenantView ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </div>
      <div className="start">
        <TokenForm token={token} setToken={setToken} />
        <Page token={token} />
      </div>
    </>
  );
}

function Overview({ token }: TenantPage) {
  return (
    <>
      <form className="ask" onSubmit={openNamed}>
        <label htmlFor="partition">Partition</label>
        <input id="partition" name="partition" required autoComplete="off" spellCheck={false} placeholder="room" />
        <button type="submit">Open</button>
      </form>
      <DirectoryView token={token} />
      <LoadView token={token} />
    </>
  );
}

/** The server refuses: with another token it may not. */
function Refused({ error, setToken }: { error: CallFailed; setToken(token: string | undefined): void }) {
  return (
    <div className="start">
      <h1>
        <a href={hashOf(undefined)}>Console</a>
      </h1>
      <ProblemNote error={error} />
      <TokenForm token={undefined} setToken={setToken} />
    </div>
  );
}

function TokenForm({ token, setToken }: { token: string | undefined; setToken(token: string | undefined): void }) {
  const give = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const given = String(new FormData(event.currentTarget).get("token") ?? "").trim();
    setToken(given === "" ? undefined : given);
    event.currentTarget.reset();
  };
  return (
    <form className="ask" onSubmit={give}>
      <label htmlFor="token">Token</label>
      <input id="token" name="token" type="password" autoComplete="off" aria-describedby="token-note" />
      <button type="submit">Use</button>
      <p id="token-note" className="soft">
        {token === undefined ? (
          <>
            Leave it empty where the server is in open development mode. It stays in the memory of this page, and is
            gone with it. In a project that signs with a secret,{" "}
            <code>npx partita token --sub me --permissions "read,admin:*"</code> prints one.
          </>
        ) : (
          "A token is in use. An empty one removes it."
        )}
      </p>
    </form>
  );
}
