import type { Arena } from "./arena.ts";
import type { Answers } from "./socket.ts";
import type { Principal } from "./tokens.ts";

/** What one frame or request may cost, whatever the state (BD-1). */
export const frameBound = { cpuMs: 50, memoryMiB: 32 } as const;
/** What removes nodes may cost this for each. */
export const removedNodeMs = 0.005;

/** One attack. */
export interface Case {
  name: string;
  /** One line for the tables. */
  what: string;
  /** What bounds it, by the name of the bound. */
  boundBy: string;
  /** The most that one frame or request may cost; a part that is missing is only reported. Memory: above that of `floor`. */
  bound: { cpuMs?: number; memoryMiB?: number };
  /** How often the attack is measured alone; each time by another principal. Default 3. */
  rounds?: number;
  /**
   * Whether its memory is that of a second strike: of an attack of many requests the first one shows what V8 and the
   * platform take once, whatever is asked of them. Measured: 200 requests at once that the edge refuses take 46 MiB, and
   * the same again 6 to 10; 300 rejected batches take 113 MiB, and then 36, 27, 24 and 23. What is kept shows each time.
   */
  again?: boolean;
  /** How long it is repeated beside a bystander, in milliseconds. Default 4,000. */
  besideMs?: number;
  /** Whether the same principal repeats the attack beside a bystander. Default true. */
  beside?: boolean;
  /** Whether a part of it runs with the tests, which judge only the answers. */
  tested?: boolean;
  /** The same with a Worker that does nothing: what it takes of memory is the platform's. Default: nothing is subtracted. */
  floor?(arena: Arena, who: Principal): Promise<unknown>;
  /** Prepares one round. Its cost is not counted. */
  prepare(arena: Arena): Promise<Attack>;
}

/** A prepared round. */
interface Attack {
  /** What costs nothing of the attack itself, as opening its connection. Default: nothing. */
  enter?(who: Principal): Promise<void>;
  /** Attacks once. Returns how many frames or requests it sent, and the answers. */
  strike(who: Principal): Promise<Struck>;
  /** What is wrong with the answers of one strike; undefined: nothing. */
  judge?(answers: Answers): string | undefined;
  /** Looks at what the attack left behind, after the last strike; undefined: nothing is wrong. */
  aftermath?(): Promise<string | undefined>;
  /** Ends what is open. */
  end?(): void;
}

interface Struck {
  frames: number;
  answers: Answers;
}

/** A judgement: every answer must be one of `allowed`. */
export function only(...allowed: string[]): (answers: Answers) => string | undefined {
  return (answers) => {
    const others = Object.keys(answers).filter((answer) => !allowed.includes(answer));
    return others.length === 0 ? undefined : `answered ${others.join(", ")}, not ${allowed.join(" or ")}`;
  };
}
