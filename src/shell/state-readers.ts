import { costOfStateText, Refusal, type Turns } from "../core/index.ts";
import { bounds, type Failure } from "../protocol/index.ts";
import {
  type AnswerBody,
  answerState,
  type HttpAnswer,
  type StateOrigin,
  stateParts,
} from "../wire/partita/answers.ts";
import type { SinkPorts } from "./event-sink.ts";
import { inTurn } from "./in-turn.ts";

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

/** Sends states to readers over HTTP. A large one is sent in pieces, which are made at the pace of the reader, in turns. */
export class StateReaders {
  readonly #ports: SinkPorts;
  readonly #turns: Turns;
  #reading = 0;

  constructor(ports: SinkPorts, turns: Turns) {
    this.#ports = ports;
    this.#turns = turns;
  }

  /**
   * The answer with this state.
   *
   * @throws Refusal where too many are read already.
   */
  answer(
    { state, eventIndex, origin = {} }: { state: Pieces; eventIndex: number; origin?: StateOrigin },
    etag: string,
  ): HttpAnswer<AnswerBody> {
    const first = this.#make(state) ?? "";
    const parts = stateParts(eventIndex, origin);
    if (state.done) return answerState(`${parts.head}${first}${parts.tail}`, etag);
    if (this.#reading >= bounds.stateReadersMax) {
      state.close();
      throw new Refusal(overloaded);
    }
    const { readable, writer } = this.#ports.openBody();
    void this.#write(writer, parts.head + first, state, parts.tail);
    return answerState(readable, etag);
  }

  /** The next piece, in the first turn that has time for it. */
  async #next(state: Pieces): Promise<string | undefined> {
    return this.#turns.free ? this.#make(state) : await inTurn(this.#turns, () => this.#make(state));
  }

  #make(state: Pieces): string | undefined {
    const piece = state.next();
    this.#turns.spend(costOfStateText(piece?.length ?? 0));
    return piece;
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
      for (let piece: string | undefined = first; piece !== undefined; piece = await this.#next(state)) {
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
