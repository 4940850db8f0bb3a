import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

const audience = "partita";
/** The pieces and the size of an endless response: more than any client should read. */
const hugePiece = "x".repeat(1024 * 1024);
const hugeBytesMax = 2 * 1024 ** 3;

/** An issuer of tokens that serves its public keys over HTTP on loopback, with the faults that the test wants. */
export class Issuer {
  /** How often the keys were requested. */
  requests = 0;
  /** How many bytes of the endless response were written. */
  taken = 0;
  /** The names of the keys that are published. */
  published: string[] = [];
  /** Answers a request for the keys. */
  answer: (response: ServerResponse) => void = (response) => this.publish(response);
  readonly #pairs = new Map<string, Pair>();
  readonly #server: Server;
  #keys: object[] = [];

  private constructor() {
    this.#server = createServer((_, response) => {
      this.requests++;
      this.answer(response);
    });
  }

  /** An issuer with these keys, of which the first is published. */
  static async with(...names: string[]): Promise<Issuer> {
    const issuer = new Issuer();
    for (const kid of names) {
      const pair = await generateKeyPair("ES256", { extractable: true });
      issuer.#pairs.set(kid, pair);
      issuer.#keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg: "ES256" });
    }
    issuer.published = names.slice(0, 1);
    await once(issuer.#server.listen(0, "127.0.0.1"), "listening");
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks`;
  }

  /** The settings of the Worker. */
  get settings(): Record<string, string> {
    return { PARTITA_JWKS_URL: this.url, PARTITA_JWT_ISSUER: "https://issuer.example", PARTITA_JWT_AUDIENCE: audience };
  }

  /** The public key with this name, as it is published. */
  jwk(kid: string): object {
    return this.#keys.find((key) => (key as { kid: string }).kid === kid)!;
  }

  /** A token that this key has signed. */
  token(kid: string, claims: JWTPayload = {}, header: object = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({
      iss: "https://issuer.example",
      aud: audience,
      sub: "alice",
      iat: now,
      exp: now + 3_600,
      partitions: ["*"],
      permissions: ["read", "submit:*"],
      ...claims,
    })
      .setProtectedHeader({ alg: "ES256", kid, ...header })
      .sign(this.#pairs.get(kid)!.privateKey);
  }

  /** An HMAC over `text` with the public key as its secret. */
  async confused(kid: string, text: string): Promise<string> {
    return createHmac("sha256", await exportSPKI(this.#pairs.get(kid)!.publicKey))
      .update(text)
      .digest("base64url");
  }

  publish(response: ServerResponse): void {
    const keys = this.published.map((kid) => this.jwk(kid));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
  }

  /** Answers with more bytes than fit into memory. */
  flood(response: ServerResponse): void {
    this.taken = 0;
    response.writeHead(200, { "content-type": "application/json" });
    const more = () => {
      while (!response.destroyed && this.taken < hugeBytesMax) {
        this.taken += hugePiece.length;
        if (!response.write(hugePiece)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
