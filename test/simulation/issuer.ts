import type { Subject } from "../../src/identity/verify.ts";
import { authorOfSubject } from "../../src/shell/author.ts";
import type { Author, Failure } from "../../src/protocol/index.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

/** How long a verification takes at most, in milliseconds. */
const verifyMsMax = 60;

/** Issues tokens, and verifies them for the partition: an issuer without cryptography. */
export class Issuer {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #tokens = new Map<string, Subject>();
  /** The newest token of each principal. */
  readonly #newest = new Map<string, string>();
  /** Up to when tokens of a principal are revoked, in seconds since 1970. */
  readonly #revokedUpTo = new Map<string, number>();
  /** How long a new token is good, in milliseconds. */
  lifetimeMs: number;

  constructor(schedule: Schedule, random: Random, lifetimeMs: number) {
    this.#schedule = schedule;
    this.#random = random;
    this.lifetimeMs = lifetimeMs;
  }

  /** A token of this principal that is good now: its newest one, or a new one. */
  tokenOf(principal: string): string {
    const token = this.#newest.get(principal);
    const subject = token === undefined ? undefined : this.#tokens.get(token);
    const good = subject && !this.#isRevoked(subject) && subject.expiresAt > this.#schedule.serverNow;
    return good ? token! : this.issue(principal);
  }

  /** A new token, good for `lifetimeMs`. */
  issue(principal: string, lifetimeMs = this.lifetimeMs): string {
    const now = this.#schedule.serverNow;
    const token = `token-${this.#tokens.size + 1}`;
    this.#tokens.set(token, {
      principal,
      tenant: "default",
      partitions: ["*"],
      permissions: ["*"],
      roles: [],
      expiresAt: now + lifetimeMs,
      issuedAt: Math.max(Math.floor(now / 1_000), (this.#revokedUpTo.get(principal) ?? 0) + 1),
      jti: token,
    });
    this.#newest.set(principal, token);
    return token;
  }

  /** Revokes the tokens that a principal has. Returns up to which second they were issued. */
  revoke(principal: string): number {
    const issued = [...this.#tokens.values()].filter((subject) => subject.principal === principal);
    const upTo = Math.max(0, ...issued.map(({ issuedAt }) => issuedAt!));
    this.#revokedUpTo.set(principal, upTo);
    return upTo;
  }

  /** The author of a token, as the edge knows it. */
  authorOf(token: string): Author {
    return authorOfSubject(this.#tokens.get(token)!, {}) as Author;
  }

  /** Whether a token of this principal, of all that were ever issued, is good at `now` but for revocation. */
  mayBeGood(principal: string, now: number): boolean {
    return [...this.#tokens.values()].some((subject) => subject.principal === principal && subject.expiresAt > now);
  }

  /** Whether the newest token of this principal is revoked. */
  isRevoked(principal: string): boolean {
    const token = this.#newest.get(principal);
    return token !== undefined && this.#isRevoked(this.#tokens.get(token)!);
  }

  /** Whether the newest token of this principal was issued up to `second`. */
  isNewestUpTo(principal: string, second: number): boolean {
    const token = this.#newest.get(principal);
    return token !== undefined && this.#tokens.get(token)!.issuedAt! <= second;
  }

  /** What the partition's port does with a token. */
  async verify(token: string, now: number): Promise<Subject | Failure> {
    await new Promise<void>((resolve) => this.#schedule.after(this.#random.between(0, verifyMsMax), resolve));
    const subject = this.#tokens.get(token);
    if (!subject) return { code: "unauthenticated", detail: "This is no token." };
    return subject.expiresAt > now ? subject : { code: "auth_expired", detail: "The token has expired." };
  }

  #isRevoked({ principal, issuedAt }: Subject): boolean {
    return issuedAt! <= (this.#revokedUpTo.get(principal) ?? -1);
  }
}
