import { it } from "vitest";
import { expectDraftsInMemory } from "./store-file.ts";

it("[CL-2] [CL-13] if the file of the code for stores that may fail never arrives, drafts are kept in memory, and the reason is reported", () =>
  expectDraftsInMemory(() => new Promise<never>(() => {})));
