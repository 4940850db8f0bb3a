import { useSyncExternalStore } from "react";

let shown: readonly string[] = [];
const listeners = new Set<() => void>();

function show(next: readonly string[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

/** Shows a sentence to the user, until it is closed. The same one is shown once. */
export function notify(text: string): void {
  if (!shown.includes(text)) show([...shown, text]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What the user has to know, in one place of the page. Screen readers announce each new message. */
export function Notices() {
  const texts = useSyncExternalStore(subscribe, () => shown);
  return (
    <ul className="notices" role="log" aria-label="Messages">
      {texts.map((text) => (
        <li key={text}>
          {text}{" "}
          <button aria-label={`Close: ${text}`} onClick={() => show(shown.filter((other) => other !== text))}>
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}
