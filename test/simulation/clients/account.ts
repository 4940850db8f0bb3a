import type { Author } from "../../../src/protocol/index.ts";
import type { Random } from "../random.ts";
import { Book } from "./book.ts";
import type { DeviceStorage } from "./storage.ts";

/** One user of a device: what this user has submitted, and what is kept of it there. */
export class Account {
  /** Undefined: in open development mode, without tokens. */
  readonly author: Author | undefined;
  readonly book = new Book();
  readonly storage: DeviceStorage;
  /** Whether only its tokens say whose it is. */
  readonly isNamedByToken: boolean;

  constructor(author: Author | undefined, storage: DeviceStorage, random: Random) {
    this.author = author;
    this.storage = storage;
    this.isNamedByToken = author !== undefined && random.chance(0.5);
  }

  /** A token of this user: one that the client can read, or not. The simulated server knows whose it is. */
  get token(): string {
    const { principal } = this.author!;
    const text = Buffer.from(JSON.stringify({ sub: principal })).toString("base64url");
    return this.isNamedByToken ? `header.${text}.signature` : `opaque-${text}`;
  }
}

/** Whose token it is. */
export function principalOf(token: string): string {
  const text = token.startsWith("opaque-") ? token.slice("opaque-".length) : token.split(".")[1]!;
  return (JSON.parse(Buffer.from(text, "base64url").toString()) as { sub: string }).sub;
}
