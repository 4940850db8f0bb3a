import type { ClientStatus } from "../client/index.ts";

const sentence =
  "This server wants a token from everyone, and demos have none. They run on a server that is started with npm start, without settings of tokens.";

/** What is needed of a client. */
interface Refusable {
  on(name: "status", listener: (status: ClientStatus) => void): unknown;
  pause(): void;
}

/**
 * Ends the attempts of a client that the server refuses because it has no token: each further one would be refused, too.
 * `tell` gets the sentence about it.
 */
export function endWithoutToken(client: Refusable, tell: (text: string) => void): void {
  client.on("status", ({ problem }) => {
    if (problem?.code !== "unauthenticated") return;
    tell(sentence);
    client.pause();
  });
}
