import { useId, useRef, useState } from "react";
import { ProblemNote } from "./problem.tsx";

/** A button for something that changes the partition: it says what will happen, and does it when that is confirmed. */
export function Action(props: {
  label: string;
  /** What it is about, for who does not see the row of the button. */
  of: string;
  warning: string;
  run(): Promise<unknown>;
  done(): void;
}) {
  const { label, of, warning, run, done } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, setState] = useState<{ running: boolean; error?: unknown }>({ running: false });
  const title = useId();
  const confirm = async (): Promise<void> => {
    setState({ running: true });
    try {
      await run();
      setState({ running: false });
      dialog.current?.close();
      done();
    } catch (error) {
      setState({ running: false, error });
    }
  };
  return (
    <>
      <button
        type="button"
        className="danger"
        aria-label={`${label}: ${of}`}
        onClick={() => {
          setState({ running: false });
          dialog.current?.showModal();
        }}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={title}>
        <h2 id={title}>
          {label}: {of}
        </h2>
        <p>{warning}</p>
        {state.error ? <ProblemNote error={state.error} /> : null}
        <p className="actions">
          <button type="button" className="danger" disabled={state.running} onClick={() => void confirm()}>
            {label}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </p>
      </dialog>
    </>
  );
}
