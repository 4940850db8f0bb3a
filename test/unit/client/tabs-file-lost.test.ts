import { it } from "vitest";
import { expectToWorkAlone } from "./tabs-file.ts";

it("[CL-2] [CL-5] if the file of the code for tabs cannot be loaded, the tab works alone: it stores drafts and connects", () =>
  expectToWorkAlone(() => Promise.reject(new Error("offline"))));
