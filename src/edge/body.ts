import { type Failure, limits } from "../protocol/index.ts";

/**
 * Reads a body as UTF-8 text, up to `limits.frameBytesMax`: what is more is not read, whatever the
 * request says of its length. Nothing of what is refused is kept.
 */
export async function readText(request: Request): Promise<{ text: string; bytes: number } | Failure> {
  const tooLarge: Failure = {
    code: "payload_too_large",
    detail: `A request may have at most ${limits.frameBytesMax} bytes.`,
  };
  if (Number(request.headers.get("content-length") ?? 0) > limits.frameBytesMax) return tooLarge;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let bytes = 0;
  const reader = request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader!.read()) {
      bytes += piece.value.byteLength;
      if (bytes > limits.frameBytesMax) {
        await reader!.cancel();
        return tooLarge;
      }
      text += decoder.decode(piece.value, { stream: true });
    }
    return { text: text + decoder.decode(), bytes };
  } catch {
    return {
      code: "bad_request",
      detail: "The body ended early, or is not UTF-8.",
      errors: [{ field: "", code: "invalid_encoding", message: "Send the whole body, as UTF-8." }],
    };
  }
}
