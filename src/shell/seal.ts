import type { Partition, Turns } from "../core/index.ts";
import type { AuditHead } from "../protocol/index.ts";
import { inTurn } from "./in-turn.ts";
import type { ShellPorts } from "./ports.ts";

/**
 * Seals the next segment of the log: hashes its leaves, each step in a turn of its own, so that requests and other work
 * come in between; has the head signed; and stores both. What fails leaves nothing: the job tries again later.
 */
export async function sealSegment(
  audit: NonNullable<Partition["audit"]>,
  { now }: Pick<ShellPorts, "now">,
  turns: Turns,
  sign: (head: AuditHead) => Promise<string>,
): Promise<void> {
  const draft = audit.begin(now());
  if (!draft) return;
  const step = (): boolean => {
    const cost = audit.hashMore(draft, now());
    turns.spend(cost ?? 0);
    return cost === undefined;
  };
  while (!(await inTurn(turns, step)));
  const closed = await inTurn(turns, () => audit.close(draft, now()));
  const signedHead = await sign(closed.head);
  await inTurn(turns, () => audit.seal(closed, signedHead, now()));
}
