import { Refusal } from "../core/index.ts";
import { bounds, type Failure } from "../protocol/index.ts";
import { type AnswerBody, answerState, type HttpAnswer, stateParts } from "../wire/partita/answers.ts";
import type { SinkPorts } from "./event-sink.ts";

/** A reader that does not take a piece for this long is gone. */
const stalledMsMax = 30 * 1_000;

const overloaded: Failure = {
  code: "overloaded",
  detail: `At most ${bounds.stateReadersMax} large states are sent at once: ask again in a moment.`,
  retryAfter: 1,
};

/** A state as its text, piece by piece. */
interface Pieces {
  next(): string | undefined;
  readonly done: boolean;
  close(): void;
}

/** Sends states to readers over HTTP. A large one is sent in pieces, which are made at the pace of the reader. */
export class StateReaders {
  readonly #ports: SinkPorts;
  #reading = 0;

  constructor(ports: SinkPorts) {
    this.#ports = ports;
  }

  /**
   * The answer with this state.
   *
   * @throws Refusal where too many are read already.
   */
  answer({ state, eventIndex }: { state: Pieces; eventIndex: number }, etag: string): HttpAnswer<AnswerBody> {
    const first = state.next() ?? "";
    if (state.done) return answerState({ state: first, eventIndex }, etag);
    if (this.#reading >= bounds.stateReadersMax) {
      state.close();
      throw new Refusal(overloaded);
    }
    const { head, tail } = stateParts(eventIndex);
    const { readable, writer } = this.#ports.openBody();
    void this.#write(writer, head + first, state, tail);
    return { ...answerState({ state: "", eventIndex }, etag), body: readable };
  }

  async #write(
    writer: ReturnType<SinkPorts["openBody"]>["writer"],
    first: string,
    state: Pieces,
    tail: string,
  ): Promise<void> {
    const encoder = new TextEncoder();
    const abort = () => void writer.abort().catch(() => {});
    this.#reading++;
    try {
      for (let piece: string | undefined = first; piece !== undefined; piece = state.next()) {
        const cancel = this.#ports.timer(abort, stalledMsMax);
        try {
          await writer.write(encoder.encode(piece));
        } finally {
          cancel();
        }
      }
      await writer.write(encoder.encode(tail));
      await writer.close();
    } catch {
      // The reader is gone, or the state has changed too much: what it has is no JSON, so it knows and asks again.
      abort();
    } finally {
      state.close();
      this.#reading--;
    }
  }
}
