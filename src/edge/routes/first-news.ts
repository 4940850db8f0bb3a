import { bounds } from "../../protocol/index.ts";

/** One of the connections of a request, while its object is asked. */
export interface Asked {
  readonly partition: string;
  /** Whether this request opens it. */
  readonly opens: boolean;
  /** Resolves when the object has answered: with news, or that it waits for some. */
  readonly answered: Promise<unknown>;
  /** Its answer without the partition, as JSON text: `{…}`; empty if there is nothing. */
  readonly text: Promise<string>;
}

/**
 * Waits until one of the answers has something, and then for objects that have not answered yet, so that one far away
 * has its turn beside a busy one; or until all have come. Returns the texts of all connections. What is too much for one
 * answer is left out: its connection gives it again to the next poll.
 */
export async function firstNews(asked: readonly Asked[]): Promise<string[]> {
  const texts = asked.map(({ partition }) => `{"partition":${JSON.stringify(partition)}`);
  let units = 0;
  const all = Promise.all(
    asked.map(async ({ opens, text: answer }, at) => {
      const given = await answer;
      if (given === "") return;
      const text = units > bounds.pollAnswerUnitsMax ? (opens ? withoutFrames(given) : "") : given;
      if (text === "") return;
      units += text.length;
      texts[at] += `,${text.slice(1, -1)}`;
    }),
  );
  const answered = Promise.all(asked.map((one) => one.answered));
  await Promise.race(asked.map(async ({ text }) => ((await text) === "" ? all : undefined)));
  await Promise.race([answered, elapsed(bounds.pollLateMsMax)]);
  await Promise.race([all, elapsed(bounds.pollGatherMs)]);
  return texts.map((text) => `${text}}`);
}

/** A connection that was opened: without its id the client would open it again. */
function withoutFrames(text: string): string {
  const { connectionId } = JSON.parse(text) as { connectionId?: string };
  return connectionId === undefined ? text : JSON.stringify({ connectionId, from: 0, frames: [] });
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
