import { part, say } from "./page.ts";

/** How long each step can be read. */
const stepMs = 2_200;
/** How long the result can be read, before it is removed. */
const resultMs = 5_000;
/** How long a pane may take until it is online, and its drafts are decided. */
const settleMsMax = 10_000;

/** A pane that an example plays with. */
interface Player {
  readonly client: {
    readonly status: { status: string };
    readonly pending: readonly unknown[];
    readonly eventId: number;
    subscribe(listener: () => void): () => void;
  };
  readonly element: HTMLElement;
  connect(on: boolean): void;
}

/** What an example can do. */
interface Stage {
  /** Says what happens now, and leaves the time to read it. */
  tell(text: string): Promise<void>;
  /** The same for the result. */
  conclude(text: string): Promise<void>;
  /** Connects a pane, and waits until its drafts are decided. */
  reconnect(player: Player): Promise<void>;
  /** Connects all panes, and waits until they have decided their drafts, and have all events of each other. */
  agree(): Promise<void>;
}

/** A conflict that plays by itself. */
interface Example {
  play(stage: Stage): Promise<void>;
  /** Removes what is left of it. Both panes are online. */
  clean(stage: Pick<Stage, "agree">): void | Promise<void>;
}

/** Plays one example at a time. Each one ends with both panes online, and leaves nothing behind. */
export class Examples {
  readonly #players: readonly Player[];
  readonly #buttons: HTMLButtonElement[] = [];
  readonly #said = part(document, "example-said");
  #playing = false;

  constructor(players: readonly Player[]) {
    this.#players = players;
  }

  /** Plays the example when the button with this name is clicked. */
  offer(name: string, example: Example): void {
    const button = part(document, name, HTMLButtonElement);
    this.#buttons.push(button);
    button.addEventListener("click", () => void this.#run(example));
  }

  async #run(example: Example): Promise<void> {
    if (this.#playing) return;
    this.#setPlaying(true);
    // On a phone the panes are below, one at a time.
    if (matchMedia("(max-width: 44rem)").matches) document.querySelector(".work")?.scrollIntoView();
    const tell = (text: string, ms = stepMs) => {
      say(this.#said, text);
      return new Promise<void>((resolve) => setTimeout(resolve, ms));
    };
    let end = "Both have the network again, and what it left is removed. Now you: use the two switches.";
    try {
      await this.#agree();
      await example.play({ tell, conclude: (text) => tell(text, resultMs), reconnect, agree: () => this.#agree() });
    } catch {
      end = "It could not be played to its end: the server did not answer in time.";
    }
    for (const player of this.#players) await reconnect(player).catch(() => {});
    await Promise.resolve(example.clean({ agree: () => this.#agree() })).catch(() => {});
    say(this.#said, end);
    this.#setPlaying(false);
  }

  async #agree(): Promise<void> {
    for (const player of this.#players) await reconnect(player);
    const newest = Math.max(...this.#players.map(({ client }) => client.eventId));
    for (const { client } of this.#players) await until(client, () => client.eventId >= newest);
  }

  /** A second click while one plays does nothing, and the focus stays on the button. */
  #setPlaying(playing: boolean): void {
    this.#playing = playing;
    for (const button of this.#buttons) button.ariaDisabled = playing ? "true" : null;
  }
}

/** Connects a pane. Resolves when its drafts are decided; rejects after `settleMsMax`. */
async function reconnect(player: Player): Promise<void> {
  const { client } = player;
  player.connect(true);
  player.element.scrollIntoView({ block: "nearest", inline: "center" });
  await until(client, () => client.status.status === "online" && client.pending.length === 0);
}

/** Resolves when something is true of a client; rejects after `settleMsMax`. */
async function until(client: Player["client"], isTrue: () => boolean): Promise<void> {
  if (isTrue()) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error("the client did not get there in time"));
    }, settleMsMax);
    const stop = client.subscribe(() => {
      if (!isTrue()) return;
      clearTimeout(timer);
      stop();
      resolve();
    });
  });
}
