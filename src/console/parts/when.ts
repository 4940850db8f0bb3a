/** A time, in milliseconds since 1970, as the reader's clock says it; empty: there is none. */
export const when = (at: number | undefined): string => (at === undefined ? "" : new Date(at).toLocaleString("en-GB"));
