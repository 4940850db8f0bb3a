import { describe, expect, it } from "vitest";
import {
  endsConnection,
  type ErrorCode,
  errorStatuses,
  isRetryable,
  isVerdict,
  titleOf,
} from "../../src/protocol/index.ts";
import { closeCode } from "../../src/wire/partita/close-codes.ts";
import { problemTexts } from "../../src/edge/problem-texts.ts";
import { http, type Message } from "./wire.ts";

const codes = Object.keys(errorStatuses) as ErrorCode[];

/** The text of a page. */
const textOf = (page: string): string =>
  page
    .replaceAll(/<(style|title).*?<\/\1>/gs, "")
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .replaceAll(/\s+/g, " ");
const plain = (text: string): string => text.replaceAll("`", "");

describe("the type of a problem", () => {
  it.each(codes)("[ER-1] [ER-4] is the URL of its page: %s", async (code) => {
    const response = await http(`/problems/${code}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
    const page = await response.text();
    const text = textOf(page);
    const status = errorStatuses[code];
    const [retryable, verdict] = [isRetryable(code), isVerdict(code)];
    for (const part of [
      titleOf(code),
      code,
      plain(problemTexts[code]),
      `Status ${status}`,
      `Retryable ${retryable ? "Yes" : "No"}`,
      `Stored ${verdict ? "Yes" : "No"}`,
      ...(endsConnection(code) ? [`ends with ${closeCode(code)}`] : []),
    ]) {
      expect(text).toContain(part);
    }
    // Its policy allows its one style element, and it contains nothing else that needs permission.
    const [, nonce] = /'nonce-([^']+)'/.exec(response.headers.get("content-security-policy")!)!;
    expect(page).toContain(`<style nonce="${nonce}">`);
    expect(page).not.toMatch(/<script|style="|src=|https?:/);
  });

  it("[ER-4] all codes are listed", async () => {
    const page = await (await http("/problems")).text();
    for (const code of codes) {
      expect(page).toContain(`href="/problems/${code}"`);
      expect(textOf(page)).toContain(plain(problemTexts[code]));
    }
  });

  it.each(["none", "Conflict", "toString", "__proto__", "conflict%00", "%3Cscript%3E", "conflict/"])(
    "[ER-1] of %s there is none",
    async (code) => {
      const response = await http(`/problems/${code}`);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(((await response.json()) as Message).code).toBe("not_found");
    },
  );
});

describe("/openapi.json", () => {
  it("[OB-5] describes every path and method", async () => {
    const document = (await (await http("/openapi.json")).json()) as Message;
    expect(document.openapi).toBe("3.1.0");
    const operations = Object.entries<object>(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    expect(operations.toSorted()).toEqual([
      "delete /v1/endpoints/{endpoint}",
      "delete /v1/endpoints/{endpoint}/dead-letters/{effect}",
      "delete /v1/partitions/{partition}/dead-letters/{effect}",
      "get /insieme/{partition}",
      "get /livez",
      "get /metrics",
      "get /openapi.json",
      "get /problems",
      "get /problems/{code}",
      "get /readyz",
      "get /v1/audit",
      "get /v1/audit-keys",
      "get /v1/dead-letters",
      "get /v1/endpoints",
      "get /v1/endpoints/{endpoint}",
      "get /v1/endpoints/{endpoint}/dead-letters",
      "get /v1/endpoints/{endpoint}/dead-letters/{effect}",
      "get /v1/limits",
      "get /v1/partitions",
      "get /v1/partitions/{partition}/costs",
      "get /v1/partitions/{partition}/dead-letters",
      "get /v1/partitions/{partition}/dead-letters/{effect}",
      "get /v1/partitions/{partition}/events",
      "get /v1/partitions/{partition}/events/stream",
      "get /v1/partitions/{partition}/inspect",
      "get /v1/partitions/{partition}/inspect/connections",
      "get /v1/partitions/{partition}/inspect/events/{event}",
      "get /v1/partitions/{partition}/inspect/rejections",
      "get /v1/partitions/{partition}/inspect/state",
      "get /v1/partitions/{partition}/inspect/timers",
      "get /v1/partitions/{partition}/proofs/consistency",
      "get /v1/partitions/{partition}/proofs/head",
      "get /v1/partitions/{partition}/proofs/{event}",
      "get /v1/partitions/{partition}/sagas",
      "get /v1/partitions/{partition}/sagas/{saga}",
      "get /v1/partitions/{partition}/state",
      "get /v1/partitions/{partition}/usage",
      "get /v1/partitions/{partition}/verify",
      "get /v1/partitions/{partition}/ws",
      "get /v1/revocations",
      "post /v1/check",
      "post /v1/drain",
      "post /v1/endpoints/{endpoint}/activate",
      "post /v1/endpoints/{endpoint}/dead-letters/replay",
      "post /v1/endpoints/{endpoint}/dead-letters/{effect}/replay",
      "post /v1/endpoints/{endpoint}/rotate",
      "post /v1/endpoints/{endpoint}/test",
      "post /v1/partitions/{partition}/connection",
      "post /v1/partitions/{partition}/connection/{id}",
      "post /v1/partitions/{partition}/dead-letters/{effect}/replay",
      "post /v1/partitions/{partition}/drain",
      "post /v1/partitions/{partition}/events",
      "post /v1/partitions/{partition}/import",
      "post /v1/poll",
      "post /v1/tickets",
      "put /v1/endpoints/{endpoint}",
      "put /v1/limits",
      "put /v1/read-only",
      "put /v1/revocations",
      "put /v1/revocations/{kind}/{id}",
    ]);
    // The server supports every method of each path.
    for (const [path, item] of Object.entries<object>(document.paths)) {
      const concrete = path
        .replace("{partition}", "room")
        .replace("{code}", "conflict")
        .replace("{kind}/{id}", "sub/alice")
        .replace("{id}", "some");
      const allow = (await http(concrete, { method: "OPTIONS" })).headers.get("allow")!.toLowerCase().split(", ");
      const known = Object.keys(item);
      expect(allow.toSorted()).toEqual([...known, ...(known.includes("get") ? ["head"] : []), "options"].toSorted());
    }
  });

  it("[ER-4] [OB-5] has a valid example of each problem that it names", async () => {
    const { paths } = (await (await http("/openapi.json")).json()) as Message;
    const examples = Object.values<Message>(paths)
      .flatMap((item) => Object.values<Message>(item))
      .flatMap(({ responses }) => Object.entries<Message>(responses))
      .flatMap(([status, { content }]) =>
        Object.entries<Message>(content?.["application/problem+json"]?.examples ?? {}).map(
          ([code, { value }]) => [status, code, value] as const,
        ),
      );
    expect(examples.length).toBeGreaterThan(50);
    for (const [status, code, value] of examples) {
      expect(value).toMatchObject({ code, status: Number(status), type: `/problems/${code}` });
      expect(errorStatuses[code as ErrorCode]).toBe(Number(status));
    }
  });
});
