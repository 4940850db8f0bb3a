// What the Worker uses of Node's library; the rest of Node's types has no place here.
declare module "node:zlib" {
  export function gunzipSync(data: Uint8Array): Uint8Array;
  export function gzipSync(data: Uint8Array, options?: { level: number }): Uint8Array;
}
declare module "node:crypto" {
  interface Sha256Hash {
    update(data: Uint8Array | string): Sha256Hash;
    digest(): Uint8Array;
  }
  export function createHash(algorithm: "sha256"): Sha256Hash;
  export function createHmac(algorithm: "sha256", key: string): Sha256Hash;
}
