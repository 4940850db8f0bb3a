import { createClient } from "partita/client";
import { createPartitionHooks } from "partita/react";
import { type FormEvent, useState } from "react";
import { createRoot } from "react-dom/client";
import { tasks } from "./model.ts";

const { PartitionProvider, usePartition, useStatus, useSubmit, useUndo } = createPartitionHooks<typeof tasks>();

const parameters = new URLSearchParams(location.search);
const user = parameters.get("user") ?? localStorage.getItem("user") ?? `guest-${crypto.randomUUID().slice(0, 4)}`;
localStorage.setItem("user", user);

const client = createClient({
  url: location.origin,
  partition: `list-${parameters.get("list") ?? "home"}`,
  model: tasks,
  principal: user,
  token: async () => {
    const response = await fetch("/api/token", { method: "POST", body: JSON.stringify({ name: user }) });
    if (!response.ok) throw new Error(`no token: ${response.status}`);
    return response.text();
  },
});

function Row({ id }: { id: string }) {
  const task = usePartition((state) => state.tasks[id]);
  const submit = useSubmit();
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

function List() {
  const ids = usePartition((state) => Object.keys(state.tasks));
  const { status } = useStatus();
  const { undo, canUndo } = useUndo();
  const submit = useSubmit();
  const [problem, setProblem] = useState("");

  const add = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = String(new FormData(form).get("text"));
    form.reset();
    // Ids that grow with time keep the order in which tasks were added.
    const verdict = await submit("add", { id: `${Date.now()}-${crypto.randomUUID().slice(0, 8)}`, text });
    setProblem(verdict.status === "rejected" ? verdict.problem.detail : "");
  };

  return (
    <>
      <p role="status">
        {user}, {status}
      </p>
      <form onSubmit={(event) => void add(event)}>
        <input name="text" required maxLength={200} autoComplete="off" aria-label="New task" />
        <button>Add</button>
        <button type="button" disabled={!canUndo} onClick={() => void undo()}>
          Undo
        </button>
      </form>
      {problem && <p role="alert">{problem}</p>}
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
