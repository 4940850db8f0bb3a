import type { Problem } from "../../protocol/index.ts";

/** The answer of the server to a request that it refused, or why there is no answer. */
export class CallFailed extends Error {
  readonly problem: Partial<Problem>;

  constructor(problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? "The server did not answer.");
    this.problem = problem;
  }
}

/** How a request is sent. */
export interface CallOptions {
  method?: string;
  body?: unknown;
  /** Why an administrator does this: it is in the list of actions. */
  reason?: string;
  /** The key of a draft: a request that is sent again counts once. */
  key?: string;
  signal?: AbortSignal;
}

/** The token is kept in memory only: it is gone when the page is closed, and no other page can read it. */
let token: string | undefined;

export function setToken(given: string | undefined): void {
  token = given;
}

/** Whether the server refuses because no token was given: nothing is wrong yet. */
export function asksForToken({ code }: Partial<Problem>): boolean {
  return code === "unauthenticated" && token === undefined;
}

/** Sends a request with the token, and returns its answer. @throws CallFailed where it is refused, or not answered. */
export async function request(
  path: string,
  { method = "GET", body, reason, key, signal }: CallOptions = {},
): Promise<Response> {
  const headers: Record<string, string> = { "partita-client-id": "console" };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (reason !== undefined) headers["partita-reason"] = encodeURIComponent(reason);
  if (key !== undefined) headers["idempotency-key"] = key;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "omit",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CallFailed({ title: "The server cannot be reached." });
  }
  if (response.ok) return response;
  throw new CallFailed(await problemOf(response));
}

async function problemOf(response: Response): Promise<Partial<Problem>> {
  try {
    return (await response.json()) as Partial<Problem>;
  } catch {
    return { status: response.status, title: `The server answered ${response.status}.` };
  }
}

/** The JSON of an answer. @throws CallFailed */
export async function call<T>(path: string, options?: CallOptions): Promise<T> {
  const response = await request(path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** The path of a resource of a partition, as `/v1/partitions/room/usage`. */
export function pathOf(partition: string, resource: string): string {
  return `/v1/partitions/${encodeURIComponent(partition)}/${resource}`;
}
