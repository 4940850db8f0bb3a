import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { WorkerClient } from "./data/client.ts";
import type { CallFailed } from "./data/calls.ts";

/** The partition that is open. */
export interface Session {
  partition: string;
  worker: WorkerClient;
  head: number;
  /** Whether the log is followed at the moment. */
  live: boolean;
}

type Opening =
  | { kind: "opening" }
  | { kind: "failed"; error: CallFailed }
  | { kind: "open"; head: number; live: boolean };

const Context = createContext<Session | undefined>(undefined);

/** The present partition. Only below `PartitionSession`. */
export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("there is no session");
  return session;
}

const worker = new WorkerClient("/console/worker.js");

/** Opens a partition. `failed`: what is shown where that is refused. */
export function PartitionSession(props: {
  partition: string;
  token: string | undefined;
  failed(error: CallFailed): ReactNode;
  children: ReactNode;
}) {
  const { partition, token, failed, children } = props;
  const [opening, setOpening] = useState<Opening>({ kind: "opening" });
  useEffect(() => {
    let current = true;
    setOpening({ kind: "opening" });
    worker.call("open", { partition, token }).then(
      ({ head }) =>
        current && setOpening((before) => ({ kind: "open", live: before.kind === "open" && before.live, head })),
      (error: unknown) => current && setOpening({ kind: "failed", error: error as CallFailed }),
    );
    const end = worker.listen((news) => {
      if (news.kind === "head" && current) setOpening({ kind: "open", head: news.head, live: news.live });
    });
    return () => {
      current = false;
      end();
    };
  }, [partition, token]);
  if (opening.kind === "failed") return failed(opening.error);
  if (opening.kind === "opening") return <p className="soft pad">Opening {partition} …</p>;
  return <Context value={{ partition, worker, head: opening.head, live: opening.live }}>{children}</Context>;
}
