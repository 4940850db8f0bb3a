import { type ReactNode, useId, useRef, useState } from "react";
import type { CallOptions } from "../data/calls.ts";
import { ProblemNote } from "./problem.tsx";

/** What the list of actions says of an action beside its author and time. */
export type Reason = Pick<CallOptions, "reason">;

/** A button for something that changes something: it says what will happen, asks why, and does it when that is confirmed. */
export function Action<T>(props: {
  label: string;
  /** What it is about, for who does not see the row of the button. */
  of: string;
  warning: ReactNode;
  /** It cannot be taken back, or users notice it. */
  danger?: boolean;
  disabled?: boolean;
  run(reason: Reason): Promise<T>;
  done(result: T): void;
}) {
  const { label, of, warning, danger = false, disabled = false, run, done } = props;
  const look = danger ? "danger" : "";
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, setState] = useState<{ running: boolean; error?: unknown }>({ running: false });
  const [reason, setReason] = useState("");
  const title = useId();
  const why = useId();
  const confirm = async (): Promise<void> => {
    setState({ running: true });
    try {
      const result = await run(reason.trim() === "" ? {} : { reason: reason.trim() });
      setState({ running: false });
      setReason("");
      dialog.current?.close();
      done(result);
    } catch (error) {
      setState({ running: false, error });
    }
  };
  return (
    <>
      <button
        type="button"
        className={look}
        aria-label={`${label}: ${of}`}
        disabled={disabled}
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
        <p className="reason">
          <label htmlFor={why}>Why (for the list of actions)</label>
          <input
            id={why}
            value={reason}
            maxLength={500}
            autoComplete="off"
            onChange={({ target }) => setReason(target.value)}
          />
        </p>
        {state.error ? <ProblemNote error={state.error} /> : null}
        <p className="actions">
          <button type="button" className={look} disabled={state.running} onClick={() => void confirm()}>
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
