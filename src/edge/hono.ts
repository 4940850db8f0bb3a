import { HonoBase } from "hono/hono-base";
import { TrieRouter } from "hono/router/trie-router";
import type { Edge } from "./env.ts";

/**
 * An application without routes. Its router is the one that Hono chooses where another cannot tell routes apart, as those of
 * all parts: the other ones would be in the bundle for nothing.
 */
export const newEdge = (): Edge => new HonoBase({ router: new TrieRouter() }) as Edge;
