import type { StatusReason, StatusReport } from "../client/index.ts";
import { counted, grouped, part, say } from "./page.ts";

/** The most queued edits that are listed. */
const waitingShownMax = 4;
const caughtUpShownMs = 6_000;
/** The update interval of the countdown to the next attempt. */
const countdownMs = 250;

const statusText: Record<StatusReport["status"], string> = {
  offline: "Offline",
  connecting: "Connecting",
  syncing: "Syncing",
  online: "Online",
  closed: "Closed",
};

/** Texts for reasons that are shown beside the status. */
const reasonText: Partial<Record<StatusReason, string>> = {
  network_offline: "no network",
  draining: "the server restarts",
  refused: "refused",
  protocol_error: "not understood",
};

/** What the page waits for while it and the server are of different versions. */
const waitingTexts: Record<NonNullable<StatusReport["waiting"]>, string> = {
  server: "The server is being updated.",
  reload: "This page is old: reload it.",
};

/** The status of a pane's client. */
export interface Doing {
  report: StatusReport;
  /** The last confirmed event of the client, and the last event of the log that this page knows. */
  eventId: number;
  head: number;
  /** The number of drafts that are not decided, and texts that describe their entries, where the page has some. */
  unconfirmed: number;
  labels: readonly string[];
  /** The other users. */
  company: readonly string[];
}

/** The header of a pane: the network switch, and the status of the client. */
export class StatusBar {
  readonly #pane: HTMLElement;
  readonly #network: HTMLElement;
  readonly #status: HTMLElement;
  readonly #reason: HTMLElement;
  readonly #place: HTMLElement;
  readonly #behind: HTMLElement;
  readonly #unconfirmed: HTMLElement;
  readonly #company: HTMLElement;
  readonly #waiting: HTMLElement;
  readonly #problem: HTMLElement;
  readonly #changed: () => void;
  /** The last event before the client went offline; undefined: it never did. */
  #leftAt: number | undefined;
  #wasOnline = false;
  #caughtUp = "";
  #caughtUpTimer = 0;
  #refusal = "";
  #timer = 0;

  /** `switched` is called when the user switches the network; `changed` when the time changes what is shown. */
  constructor(pane: HTMLElement, on: { switched(on: boolean): void; changed(): void }) {
    this.#pane = pane;
    this.#network = part(pane, "network");
    this.#status = part(pane, "status");
    this.#reason = part(pane, "reason");
    this.#place = part(pane, "place");
    this.#behind = part(pane, "behind");
    this.#unconfirmed = part(pane, "unconfirmed");
    this.#company = part(pane, "company");
    this.#waiting = part(pane, "waiting");
    this.#problem = part(pane, "problem");
    this.#changed = () => on.changed();
    this.#network.addEventListener("click", () => on.switched(this.#network.ariaChecked !== "true"));
  }

  draw({ report, eventId, head, unconfirmed, labels, company }: Doing): void {
    const { status, reason, retryAt, problem, waiting } = report;
    const online = status === "online";
    this.#pane.dataset["status"] = status;
    this.#network.ariaChecked = String(reason !== "paused");
    say(this.#status, statusText[status]);
    say(this.#reason, retryAt === undefined ? (reasonText[reason] ?? "") : nextTry(retryAt));
    say(this.#place, `${grouped(eventId)} of ${grouped(Math.max(eventId, head))}`);
    const behind = online ? 0 : head - eventId;
    say(this.#behind, behind > 0 ? `${counted(behind, "change")} behind` : this.#caughtUp);
    this.#behind.dataset["tone"] = behind > 0 ? "late" : "good";
    say(this.#unconfirmed, grouped(unconfirmed));
    this.#pane.classList.toggle("unconfirmed", unconfirmed > 0);
    say(this.#company, company.length > 0 ? `with ${company.join(", ")}` : "");
    say(this.#waiting, online || unconfirmed === 0 ? "" : waitingText(unconfirmed, labels));
    if (online) this.#refusal = "";
    const trouble = problem?.detail ?? (waiting === undefined ? "" : waitingTexts[waiting]);
    say(this.#problem, this.#refusal === "" ? trouble : this.#refusal);

    clearTimeout(this.#timer);
    if (retryAt !== undefined) this.#timer = setTimeout(this.#changed, countdownMs);
  }

  /** Says why the pane is not connected, until it is. */
  refuse(text: string): void {
    this.#refusal = text;
    this.#changed();
  }

  /** The status has changed. After a reconnect the number of missed events is shown for a moment. */
  follow({ status }: StatusReport, eventId: number): void {
    const online = status === "online";
    const missed = online && this.#leftAt !== undefined ? eventId - this.#leftAt : 0;
    if (missed > 0) {
      this.#caughtUp = `caught up ${counted(missed, "change")}`;
      // Of an earlier text, whose time must not end this one's.
      clearTimeout(this.#caughtUpTimer);
      this.#caughtUpTimer = setTimeout(() => {
        this.#caughtUp = "";
        this.#changed();
      }, caughtUpShownMs);
    }
    if (this.#wasOnline && !online) this.#leftAt = eventId;
    this.#wasOnline = online;
  }
}

function nextTry(retryAt: number): string {
  const seconds = Math.ceil((retryAt - Date.now()) / 1_000);
  return seconds > 0 ? `next try in ${seconds} s` : "trying again";
}

function waitingText(unconfirmed: number, labels: readonly string[]): string {
  const named = labels.slice(0, waitingShownMax);
  if (labels.length > named.length) named.push(`${grouped(labels.length - named.length)} more`);
  const verb = unconfirmed === 1 ? "waits" : "wait";
  const list = named.length === 0 ? "" : `: ${named.join(", ")}`;
  return `${counted(unconfirmed, "edit")} ${verb} for the connection${list}.`;
}
