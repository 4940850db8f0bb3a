import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** The kinds of resolution that a package of ES modules with `exports` does not serve. */
const unserved = new Set(["node10", "node16-cjs"]);

/** What publint and attw find wrong in the packed package: one line each. */
export async function mistakesIn(tarball: Uint8Array, manifest: object): Promise<string[]> {
  const { messages } = await publint({ pack: { tarball: bufferOf(tarball) }, strict: true });
  const published = messages.map((message) => `publint: ${formatMessage(message, manifest, { color: false })}`);
  const types = await checkPackage(createPackageFromTarballData(tarball));
  if (!types.types) return [...published, "attw: the package has no types"];
  const wrong = types.problems
    .filter((problem) => !("resolutionKind" in problem && unserved.has(problem.resolutionKind)))
    .map((problem) => `attw: ${JSON.stringify(problem)}`);
  return [...published, ...wrong];
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
