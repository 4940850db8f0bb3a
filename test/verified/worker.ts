import * as z from "zod/mini";
import { createAuthority, defineModel } from "../../src/index.ts";
import { allParts } from "../../src/parts/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { board } from "../support/board.ts";
import type { WholeAuthority } from "../workerd/whole-authority.ts";
import { objectsBefore } from "./objects-before.ts";

/** One of its types is for administrators. */
const desk = defineModel({
  name: "desk",
  version: 1,
  initialState: () => ({ closed: false }),
  events: {
    close: {
      payload: z.strictObject({}),
      permission: "admin:desk",
      reduce(state) {
        state.closed = true;
      },
    },
  },
});

const authority = createAuthority({
  models: { "board-*": insieme, "club-*": board, "desk-*": desk },
  roles: { editor: ["read", "submit:*"], viewer: ["read"], admin: ["admin:*"] },
  limits: { connectionsPerPrincipal: 4 },
  parts: allParts,
}) as object as WholeAuthority;

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export const { PartitionBefore, TenantBefore } = objectsBefore(authority);
export default authority.worker;
