import { afterEach, describe, expect, it, vi } from "vitest";
import { createClient } from "../../../src/client/index.ts";
import { watch } from "../../../src/client/transport/watch.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { accepted, settle, type Sent } from "./harness.ts";

/** The files of a client are loaded while it starts, which takes long on a busy machine. */
const loadMs = 60_000;

/** The sockets that were opened, with the test as their server. */
const sockets: NativeSocket[] = [];

class NativeSocket {
  readonly url: string;
  readonly sent: Sent[] = [];
  readonly #listeners = new Map<string, (event: object) => void>();

  constructor(url: string) {
    this.url = url;
    sockets.push(this);
  }

  addEventListener(type: string, listener: (event: object) => void): void {
    this.#listeners.set(type, listener);
  }

  send(text: string): void {
    this.sent.push(...[JSON.parse(text) as Sent | Sent[]].flat());
  }

  close(): void {}

  emit(type: string, event: object = {}): void {
    this.#listeners.get(type)?.(event);
  }

  say(...messages: object[]): void {
    const dated = messages.map((message, at) => Object.assign({ id: `s-${at}`, timestamp: 1 }, message));
    this.emit("message", { data: JSON.stringify(dated) });
  }

  of(type: string): Sent[] {
    return this.sent.filter((message) => message.type === type);
  }
}

const FullUrl = URL;

/** A URL as React Native has it: its parts can be read only, and there is no `searchParams`. */
class NativeUrl {
  readonly #url: URL;

  constructor(text: string) {
    this.#url = new FullUrl(text);
  }

  get origin(): string {
    return this.#url.origin;
  }

  get host(): string {
    return this.#url.host;
  }
}

/** What browsers and Node have, and React Native with its engine does not. */
const absent = ["document", "indexedDB", "BroadcastChannel", "structuredClone", "location"] as const;

/** Throws where the client would use it. What loads modules for the test needs it, too. */
class AbsentDecoder extends TextDecoder {
  constructor(...options: ConstructorParameters<typeof TextDecoder>) {
    super(...options);
    const [, , caller] = new Error("made here").stack!.split("\n");
    if (caller!.includes("/src/")) throw new ReferenceError("TextDecoder is not defined");
  }
}

function becomeNative(): void {
  for (const name of absent) vi.stubGlobal(name, undefined);
  vi.stubGlobal("TextDecoder", AbsentDecoder);
  vi.stubGlobal("URL", NativeUrl);
  vi.stubGlobal("WebSocket", NativeSocket);
  vi.stubGlobal("navigator", { product: "ReactNative" });
  const getRandomValues = crypto.getRandomValues.bind(crypto);
  vi.stubGlobal("crypto", { getRandomValues });
}

/** A token of `sub`, in base64url of UTF-8. */
function tokenOf(sub: string): string {
  return `e30.${Buffer.from(JSON.stringify({ sub })).toString("base64url")}.x`;
}

afterEach(() => {
  vi.unstubAllGlobals();
  sockets.length = 0;
});

describe("React Native", () => {
  it(
    "[CL-14] a client needs only crypto.getRandomValues: it knows its user by the token, connects, submits, and does not verify",
    { timeout: 2 * loadMs },
    async () => {
      const token = tokenOf("zoë 😀");
      becomeNative();
      const client = createClient({
        url: "https://server.example/app",
        partition: "room",
        model: insieme,
        token: () => token,
        timing: { connectMs: loadMs },
      });
      await vi.waitFor(() => expect(sockets).toHaveLength(1), loadMs);
      const [socket] = sockets;
      expect(socket!.url).toBe("wss://server.example/v1/partitions/room/ws");
      expect(client.principal).toBe("zoë 😀");
      socket!.emit("open");
      const [connect] = socket!.of("connect");
      const payload = { serverId: "log-1", currentEventIndex: 0, initialState: {} };
      socket!.say({ type: "connected", inReplyTo: connect!.id, payload });
      await settle();
      expect(client.status.status).toBe("online");
      const verdict = client.submit("set", { target: "b", value: { z: 1, a: 2 } });
      await vi.waitFor(() => expect(socket!.of("submit_event")).toHaveLength(1), loadMs);
      socket!.say(accepted(socket!.of("submit_event")[0]!, 1));
      expect(await verdict).toMatchObject({ status: "accepted" });
      const verified = client.verify();
      await vi.waitFor(() => expect(socket!.of("hash")).toHaveLength(1), loadMs);
      const sha256 = "0".repeat(64);
      socket!.say({ type: "hash", inReplyTo: socket!.of("hash")[0]!.id, payload: { eventIndex: 1, sha256 } });
      expect(await verified).toBeUndefined();
      expect(client.status.status).toBe("online");
      await client.close();
    },
  );
});

describe("the watch over a page", () => {
  it("[CL-14] probes within five seconds after a machine has slept, and at once when a page is visible again", async () => {
    vi.useFakeTimers();
    try {
      const page = Object.assign(new EventTarget(), { hidden: false });
      const window = new EventTarget();
      vi.stubGlobal("document", page);
      vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
      const seen: string[] = [];
      const stop = watch({
        online: () => seen.push("online"),
        offline: () => seen.push("offline"),
        visible: () => seen.push("visible"),
      });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(seen).toEqual([]);
      // It sleeps: no timer runs, and the clock goes on.
      vi.setSystemTime(Date.now() + 60 * 60_000);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(seen).toEqual(["visible"]);
      page.hidden = true;
      page.dispatchEvent(new Event("visibilitychange"));
      expect(seen).toEqual(["visible"]);
      page.hidden = false;
      page.dispatchEvent(new Event("visibilitychange"));
      window.dispatchEvent(new Event("pageshow"));
      window.dispatchEvent(new Event("offline"));
      window.dispatchEvent(new Event("online"));
      expect(seen.slice(1)).toEqual(["visible", "visible", "offline", "online"]);
      stop();
      page.dispatchEvent(new Event("visibilitychange"));
      window.dispatchEvent(new Event("online"));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(seen).toHaveLength(5);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
