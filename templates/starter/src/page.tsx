import { createClient, type Problem } from "partita/client";
import { createPartitionHooks } from "partita/react";
import type { FormEvent } from "react";
import { createRoot } from "react-dom/client";
import { tasks } from "./model.ts";
import { Notices, notify } from "./notices.tsx";

const { PartitionProvider, usePartition, useStatus, useUndo } = createPartitionHooks<typeof tasks>();

const parameters = new URLSearchParams(location.search);
const user = parameters.get("user") ?? localStorage.getItem("user") ?? `guest-${crypto.randomUUID().slice(0, 4)}`;

const client = createClient({
  url: location.origin,
  partition: `list-${parameters.get("list") ?? "home"}`,
  model: tasks,
  principal: user,
  token: async () => {
    const response = await fetch("/api/token", { method: "POST", body: JSON.stringify({ name: user }) });
    const text = await response.text();
    if (response.ok) {
      localStorage.setItem("user", user);
      return text;
    }
    // To ask again helps where the server is busy or down, and not where it refuses this user.
    if (response.status < 500 && response.status !== 429) {
      notify(`You are not signed in: ${text}`);
      client.pause();
    }
    throw new Error(text);
  },
});

/** Shows why a change was rejected: the message of the model, or else that of the server. */
function notifyOf(problem: Problem | undefined): void {
  notify(`Not done: ${problem?.errors?.[0]?.message ?? problem?.detail ?? "another change was rejected"}`);
}

// The server has rejected a change: now, or long after it was made offline.
client.on("rejected", ({ verdict }) => {
  const rejected = "results" in verdict ? verdict.results.find(({ status }) => status === "rejected") : verdict;
  notifyOf(rejected && "problem" in rejected ? rejected.problem : undefined);
});

/** Submits a change. What the model rejects here is never sent. */
const submit: typeof client.submit = async (...draft) => {
  const verdict = await client.submit(...draft);
  if (verdict.status === "rejected" && verdict.local) notifyOf(verdict.problem);
  return verdict;
};

function Row({ id }: { id: string }) {
  const task = usePartition((state) => state.tasks[id]);
  if (!task) return null;
  return (
    <li>
      <label>
        <input
          type="checkbox"
          checked={task.done}
          onChange={(event) => void submit("check", { id, done: event.target.checked })}
        />
        {task.text}
      </label>{" "}
      <small>{task.by}</small>{" "}
      <button aria-label={`Remove ${task.text}`} onClick={() => void submit("remove", { id })}>
        ×
      </button>
    </li>
  );
}

function add(event: FormEvent<HTMLFormElement>): void {
  event.preventDefault();
  const form = event.currentTarget;
  const text = String(new FormData(form).get("text"));
  form.reset();
  // Ids that grow with time keep the order in which tasks were added.
  void submit("add", { id: `${Date.now()}-${crypto.randomUUID().slice(0, 8)}`, text });
}

function List() {
  const ids = usePartition((state) => Object.keys(state.tasks));
  const { status } = useStatus();
  const { undo, canUndo } = useUndo();

  return (
    <>
      <p role="status">
        {user}, {status}
      </p>
      <form onSubmit={add}>
        <input name="text" required maxLength={200} autoComplete="off" placeholder="New task" aria-label="New task" />
        <button>Add</button>
        <button type="button" disabled={!canUndo} onClick={() => void undo()}>
          Undo
        </button>
      </form>
      <Notices />
      <ul>
        {ids.toSorted().map((id) => (
          <Row key={id} id={id} />
        ))}
      </ul>
    </>
  );
}

createRoot(document.querySelector("#root")!).render(
  <PartitionProvider client={client}>
    <List />
  </PartitionProvider>,
);
