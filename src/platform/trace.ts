const traceparent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace id of a `traceparent` header (W3C trace context, version 00); undefined where it is missing or malformed. */
export function traceIdOf(header: string | null | undefined): string | undefined {
  const [, traceId, parentId] = traceparent.exec(header ?? "") ?? [];
  return traceId === undefined || isZero(traceId) || isZero(parentId!) ? undefined : traceId;
}

/** The `traceparent` of a request that belongs to a trace. Each request is a span of its own. */
export function traceparentOf(traceId: string): string {
  return `00-${traceId}-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-01`;
}

function isZero(hexadecimal: string): boolean {
  return /^0*$/.test(hexadecimal);
}
