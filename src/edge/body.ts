import type * as z from "zod/mini";
import { type Failure, bounds, parseJson, violationsOf } from "../protocol/index.ts";

/**
 * Reads a body as UTF-8 text, at most `bytesMax` bytes of it, whatever length the request states.
 * A refused body is not kept in memory.
 */
export async function readText(
  request: Request,
  bytesMax: number = bounds.frameBytesMax,
): Promise<{ text: string; bytes: number } | Failure> {
  const tooLarge: Failure = { code: "payload_too_large", detail: `A request may have at most ${bytesMax} bytes.` };
  if (Number(request.headers.get("content-length") ?? 0) > bytesMax) return tooLarge;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let bytes = 0;
  const reader = request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader!.read()) {
      bytes += piece.value.byteLength;
      if (bytes > bytesMax) {
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

/** Reads a JSON body that matches `schema`; otherwise returns the failure with all violations. */
export async function readJson<Schema extends z.ZodMiniType>(
  request: Request,
  schema: Schema,
  bytesMax?: number,
): Promise<{ value: z.infer<Schema> } | Failure> {
  const read = await readText(request, bytesMax);
  if ("code" in read) return read;
  const parsed = parseJson(read.text);
  if (!parsed.ok) {
    return { code: "bad_request", detail: "This JSON is not taken: see errors.", errors: parsed.violations };
  }
  const shape = schema.safeParse(parsed.value);
  if (shape.success) return { value: shape.data };
  return {
    code: "bad_request",
    detail: "The body does not have the expected shape: see errors.",
    errors: violationsOf(shape.error.issues),
  };
}
