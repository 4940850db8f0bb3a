import { text } from "../../src/models/text/index.ts";
import { testPartition } from "../../src/testing/index.ts";

/** A partition of the model `text`. */
export const room = (seed = 1) => testPartition(text, { seed, name: "text-1" });
