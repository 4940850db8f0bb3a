import { checkEntry } from "../../src/models/ledger/index.ts";

export const proofPage = { checkEntry };

Object.assign(globalThis, { proofPage });
