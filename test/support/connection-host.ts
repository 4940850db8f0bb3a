import { Intake } from "../../src/core/index.ts";
import type { ConnectionHost } from "../../src/shell/connection.ts";
import { HeldFrames } from "../../src/shell/held-frames.ts";
import { OutstandingSums } from "../../src/shell/outstanding.ts";
import { Dialects } from "../../src/wire/dialects.ts";
import type { TestPartition } from "./partition.ts";
import { testTurns } from "./turns.ts";

/** What a connection to `room` works with: without tokens, tenant and timers. `run` runs its turns; `changes` replace the rest. */
export function connectionHost(
  room: TestPartition,
  changes: Partial<ConnectionHost> = {},
  run?: Parameters<typeof testTurns>[0],
): ConnectionHost {
  return {
    partition: room.partition,
    dialects: new Dialects(room.codec),
    intake: new Intake({
      connections: 1,
      isAlone: () => false,
      process: (batch, workMax) => room.partition.process(batch, room.now, workMax),
      turns: testTurns(run),
    }),
    outstanding: new OutstandingSums(),
    held: new HeldFrames(),
    now: () => room.now,
    timer: () => () => {},
    pause: () => () => {},
    nonce: () => "nonce",
    connectionEnded: () => {},
    authenticate: undefined,
    mustClaim: () => false,
    admitRequest: async () => undefined,
    admitDraft: async () => undefined,
    step: (body) => body(),
    ...changes,
  };
}
