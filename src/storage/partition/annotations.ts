import { Damage } from "../damage.ts";
import type { SqlValue } from "../driver.ts";
import { bytesOf, jsonTextOf } from "../text.ts";

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What belongs to the content of an event beside its payload. */
interface StoredAnnotations {
  readonly label?: string | undefined;
  readonly userId?: string | undefined;
  readonly meta?: { [key: string]: Json } | undefined;
}

/** What the column `annotations` has of an event. */
export interface Annotated {
  /** Undefined: nothing. */
  annotations: StoredAnnotations | undefined;
  /** Who has submitted it, where its key belongs to a scope; undefined: the principal. */
  submitter: string | undefined;
}

const nothing: Annotated = { annotations: undefined, submitter: undefined };

/** The text that is stored; undefined: nothing. */
export function annotatedText({ annotations, submitter }: Annotated): string | undefined {
  if (!annotations && submitter === undefined) return undefined;
  return JSON.stringify({ ...(submitter === undefined ? {} : { submitter }), ...annotations });
}

/** The bytes of that text. */
export function annotatedBytes(annotated: Annotated): number {
  const text = annotatedText(annotated);
  return text === undefined ? 0 : bytesOf(text).length;
}

/** @throws Damage where it is not what `annotatedText` has made. */
export function annotatedOf(stored: SqlValue | undefined, eventId: number): Annotated {
  if (stored === null) return nothing;
  const text = jsonTextOf(stored);
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  if (!isAnnotated(value)) throw new Damage("its annotations are damaged", eventId);
  const { submitter, ...annotations } = value;
  return { annotations: Object.keys(annotations).length === 0 ? undefined : annotations, submitter };
}

function isAnnotated(value: unknown): value is StoredAnnotations & { submitter?: string } {
  if (!isObject(value)) return false;
  const texts = [value["submitter"], value["label"], value["userId"]];
  if (!texts.every((text) => text === undefined || typeof text === "string")) return false;
  return value["meta"] === undefined || isObject(value["meta"]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
