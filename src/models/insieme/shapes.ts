import * as z from "zod/mini";
import { forbiddenKeys } from "../../protocol/index.ts";
import { segmentsOf } from "./path.ts";

/** Segments of a target path: with the depth of a frame, this bounds the depth of a state. */
const targetSegmentsMax = 32;
/** Characters of a node's id. */
const nodeIdLengthMax = 1_024;

/** The parent id of the top of a tree. */
export const root = "_root";

/** A path into the state, its segments separated by dots. */
export const target = z.string().check(
  z.minLength(1),
  z.refine((path) => segmentsOf(path).length <= targetSegmentsMax, { error: `At most ${targetSegmentsMax} segments.` }),
  z.refine((path) => !segmentsOf(path).some((segment) => forbiddenKeys.has(segment)), {
    error: "No segment may be __proto__, constructor or prototype.",
  }),
);

/** The id of a node: it becomes a key of `items`. */
export const nodeId = z.string().check(
  z.minLength(1),
  z.maxLength(nodeIdLengthMax),
  z.refine((id) => id !== root && !forbiddenKeys.has(id), { error: "This id is reserved." }),
);

const siblingId = z.string().check(z.minLength(1));

/**
 * The position of a node among its siblings. The library treats every unknown value as `first`; of those, the ones
 * that clients really send are accepted: undefined, null and the empty string.
 */
export const position = z.union([
  z.literal(["first", "last", ""]),
  z.null(),
  z.strictObject({ after: siblingId, before: z.optional(siblingId) }),
  z.strictObject({ before: siblingId }),
]);
export type Position = z.infer<typeof position> | undefined;

/** Any JSON object. */
export const jsonObject = z.record(z.string(), z.unknown());
