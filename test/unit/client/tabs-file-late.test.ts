import { it } from "vitest";
import { expectToWorkAlone } from "./tabs-file.ts";

it("[CL-2] [CL-5] if the file of the code for tabs never arrives, the tab works alone: it stores drafts and connects", () =>
  expectToWorkAlone(() => new Promise<never>(() => {})));
