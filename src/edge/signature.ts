import { Webhook, WebhookVerificationError } from "standardwebhooks";
import type { Failure } from "../protocol/index.ts";

/** Shorter keys are none (Standard Webhooks, symmetric signatures). */
const secretBytesMin = 24;

/**
 * Why a submission is not taken as signed (Standard Webhooks), if so: `text` is its body, `key` its
 * Idempotency-Key. The library takes a signature for five minutes; what is sent again meanwhile has
 * the key that was signed, and counts once.
 */
export function unsigned(secret: string, request: Request, key: string, text: string): Failure | undefined {
  const id = request.headers.get("webhook-id") ?? "";
  if (id !== key) return unauthenticated("Sign the request: webhook-id must be its Idempotency-Key.");
  const signer = signerOf(secret);
  if (!signer) {
    return unauthenticated(
      `PARTITA_REQUEST_SIGNING_SECRET must be base64 of at least ${secretBytesMin} bytes: until then nothing is taken.`,
    );
  }
  const given = {
    "webhook-id": id,
    "webhook-timestamp": request.headers.get("webhook-timestamp") ?? "",
    "webhook-signature": request.headers.get("webhook-signature") ?? "",
  };
  try {
    signer.verify(text, given, { jsonParse: false });
    return undefined;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return unauthenticated(
      "Sign the request: webhook-timestamp must be now, and webhook-signature that of the id, the time and this body.",
    );
  }
}

function signerOf(secret: string): Webhook | undefined {
  const base64 = secret.replace(/^whsec_/, "");
  try {
    return atob(base64).length < secretBytesMin ? undefined : new Webhook(base64);
  } catch {
    return undefined;
  }
}

const unauthenticated = (detail: string): Failure => ({ code: "unauthenticated", detail });
