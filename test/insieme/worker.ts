// A Worker for clients of the package `insieme`: their own types, checked as the server of the package is configured here.
import { createAuthority } from "../../src/index.ts";
import { allParts } from "../../src/parts/index.ts";
import { openTypes } from "../../src/models/open-types/index.ts";
import { noLimits } from "../../src/protocol/index.ts";

const model = openTypes({
  validate: ({ payload }) =>
    payload["key"] === "" ? { field: "payload.key", code: "REQUIRED", message: "a key is missing" } : undefined,
});

const authority = createAuthority({ models: { "*": model }, limits: noLimits, parts: allParts });

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
