import { Webhook, WebhookVerificationError } from "standardwebhooks";
import type { Failure } from "../protocol/index.ts";

/** The least length of a key (Standard Webhooks, symmetric signatures). */
const secretBytesMin = 24;

/**
 * Returns why the signature of a submission (Standard Webhooks) is not valid, or undefined. `text` is its body, `key`
 * its Idempotency-Key. The library accepts a signature for five minutes. A request that is replayed in that time has
 * the key that was signed, so it counts once.
 */
export function signatureFailure(secret: string, request: Request, key: string, text: string): Failure | undefined {
  const id = request.headers.get("webhook-id") ?? "";
  if (id !== key) return unauthenticated("Sign the request: webhook-id must be its Idempotency-Key.");
  const signer = signerOf(secret);
  if (!signer) {
    return unauthenticated(
      `PARTITA_REQUEST_SIGNING_SECRET must be base64 of at least ${secretBytesMin} bytes. Until then every submission is refused.`,
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
      "Sign the request: webhook-timestamp must be the current time, and webhook-signature must sign the id, the time and this body.",
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
