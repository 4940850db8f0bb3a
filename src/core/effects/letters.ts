import { DeadLettersTable, type Storage } from "../../storage/port.ts";
import type { Live } from "../live.ts";

/** The dead letters of a partition. They are written in transactions of its storage. */
export function lettersIn(storage: Storage): DeadLettersTable {
  return storage.table(DeadLettersTable);
}

/** How many dead letters there are. */
export function letterCount(live: Live, storage: Storage): number {
  return live.deadLetters.of(() => lettersIn(storage).totals().count);
}
