import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import type { OpenStore } from "../../src/client/stores/store.ts";
import { transitions } from "../../src/client/sync/status.ts";
import { entry, keysIn, queueStoreSuite } from "../../src/testing/store-suite.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const markdownIn = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => posix.join(folder, name));
const guide = markdownIn("docs/guide");
/** The README of the package, which its build completes. */
const packageReadme = "src/tools/package/README.md";

/** A code block as a module of its own. */
interface Sample {
  page: string;
  /** The line of the page before its first one, counted from 1. */
  line: number;
  /** Where it would be, seen from the project's folder. */
  path: string;
  text: string;
  /** How many lines of `text` come before the block's own. */
  before: number;
}

/**
 * The TypeScript blocks of a page. A block may say in its first line what its file is called, as
 * `// seats.ts`; then other blocks of the page can import it. A block without imports is a fragment:
 * it comes after what the page has in `<!-- prelude … -->`, which readers do not see.
 */
function samplesIn(page: string): Sample[] {
  const markdown = read(page);
  const prelude = /^<!-- prelude\n(.*?)^-->$/ms.exec(markdown)?.[1] ?? "";
  return [...markdown.matchAll(/^```(tsx?)\n(.*?)^```$/gms)].map((match) => {
    const [, language, block] = match as unknown as [string, string, string];
    const line = markdown.slice(0, match.index).split("\n").length;
    const name = /^\/\/ (\S+\.tsx?)\n/.exec(block)?.[1] ?? `line-${line}.${language}`;
    const given = /^import /m.test(block) ? "" : prelude;
    const path = name.startsWith("src/") ? name : posix.join(page.replace(".md", ""), name);
    return { page, line, path, text: `${given}${block}export {};\n`, before: given.split("\n").length - 1 };
  });
}

const samples = ["README.md", packageReadme, ...guide].flatMap(samplesIn);
const sample = (path: string): Sample => samples.find((one) => one.path === path)!;

const settings: ts.CompilerOptions = {
  ...ts.parseConfigFileTextToJson("", read(".config/tsconfig.base.json")).config.compilerOptions,
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  jsx: ts.JsxEmit.ReactJSX,
  noUnusedLocals: false,
};
const onClients: ts.CompilerOptions = {
  ...settings,
  lib: ["lib.es2024.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: ["node"],
};
const onServers: ts.CompilerOptions = {
  ...settings,
  lib: ["lib.es2024.d.ts"],
  types: ["@cloudflare/workers-types"],
};
const isForServers = ({ text }: Sample): boolean => /from "partita"/.test(text);

/** What the compiler has against `samples`, each as `page:line: message`. They can import all of `files`. */
function mistakesIn(samples: readonly Sample[], files: Map<string, string>, options: ts.CompilerOptions): string[] {
  const folders = new Set([...files.keys()].map((path) => dirname(path)));
  const host = ts.createCompilerHost(options);
  const { fileExists, directoryExists, readFile, getSourceFile } = host;
  host.getCurrentDirectory = () => root;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.directoryExists = (path) => folders.has(path) || directoryExists!(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, target, ...rest) => {
    const text = files.get(path);
    return text === undefined ? getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target);
  };
  const paths = samples.map(({ path }) => join(root, path));
  const program = ts.createProgram(
    [...paths, join(root, "src/platform.d.ts"), join(root, "src/sql.d.ts")],
    options,
    host,
  );
  return samples.flatMap(({ page, line, before }, at) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(paths[at]!)).map(({ file, start, messageText }) => {
      const own = file!.getLineAndCharacterOfPosition(start!).line - before;
      return `${page}:${line + own + 1}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    }),
  );
}

/** Everything that samples can import, besides the sources: each other, and what they would find installed. */
function filesBeside(): Map<string, string> {
  const files = new Map<string, string>();
  // All pages of the guide use one model.
  for (const page of [packageReadme, ...guide]) {
    files.set(join(root, page.replace(".md", ""), "seats.ts"), sample("docs/guide/own-model/seats.ts").text);
  }
  for (const { path, text } of samples) files.set(join(root, path), text);
  return files;
}

describe("the documentation", () => {
  it("[CL-4] [EC-8] every TypeScript example compiles, as strictly as the sources do", { timeout: 60_000 }, () => {
    const files = filesBeside();
    const forServers = samples.filter(isForServers);
    const forClients = samples.filter((one) => !isForServers(one));
    const begun = ["README.md", packageReadme, ...guide].map(
      (page) => read(page).match(/^\s*```tsx?\b/gm)?.length ?? 0,
    );
    expect(samples.length).toBe(begun.reduce((all, some) => all + some));
    expect(forServers.length).toBeGreaterThan(0);
    expect([...mistakesIn(forClients, files, onClients), ...mistakesIn(forServers, files, onServers)]).toEqual([]);
  });

  it("[CL-4] every link leads somewhere", () => {
    const dead: string[] = [];
    for (const page of ["README.md", ...markdownIn("docs"), ...guide, ...markdownIn("docs/decisions")]) {
      for (const [, link] of withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
        const [path, anchor] = link!.split("#") as [string, string | undefined];
        if (/^[a-z]+:/.test(path)) continue;
        const target = path === "" ? page : posix.join(posix.dirname(page), path);
        const leads =
          existsSync(join(root, target)) && (anchor === undefined || anchorsIn(read(target)).includes(anchor));
        if (!leads) dead.push(`${page}: ${link}`);
      }
    }
    expect(dead).toEqual([]);
  });

  it("[LC-2] every hazard of production has an answer, and a test that exists or the words `read only`", () => {
    const rows = [
      ...read("docs/PRODUCTION.md")
        .split("## Hazards")[1]!
        .split("\n## ")[0]!
        .matchAll(/^\|(.*)\|$/gm),
    ];
    const hazards = rows.slice(2).map(([, cells]) => cells!.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    expect(hazards.length).toBeGreaterThan(0);
    const unshown = hazards.filter(([hazard, answer, shown, ...more]) => {
      if (!hazard || !answer || !shown || more.length > 0) return true;
      if (shown.startsWith("read only")) return !/^read only: ./.test(shown);
      // In `shown` ids come before the file whose titles have them.
      const tests = [...shown.matchAll(/((?:`\[[A-Z]{2}-\d+\]`[ ,]*)+) in `([^`]+)`/g)];
      const missing = tests.filter(([, ids, path]) => {
        if (!existsSync(join(root, path!))) return true;
        const text = read(path!);
        return [...ids!.matchAll(/`(\[[A-Z]{2}-\d+\])`/g)].some(([, id]) => !text.includes(id!));
      });
      return tests.length === 0 || missing.length > 0;
    });
    expect(unshown).toEqual([]);
  });

  it("[CL-4] the picture of the statuses shows all that leads from one to another, and nothing else", () => {
    const picture = read("docs/images/client-states.svg");
    const groups = picture.matchAll(
      /<g class="edge" data-from="(\w+)" data-input="(\w+)" data-to="(\w+)">.*?<text [^>]*>(\w+)<\/text>\s*<\/g>/gs,
    );
    const shown = [...groups].map(([, from, input, to, label]) => `${from} ${input} ${to}: ${label}`);
    const expected = Object.entries(transitions).flatMap(([from, inputs]) =>
      Object.entries(inputs).map(([input, to]) => `${from} ${input} ${to}: ${input}`),
    );
    expect(shown.toSorted()).toEqual(expected.toSorted());
    const named = [...picture.matchAll(/<g data-status="(\w+)">.*?<text class="name"[^>]*>(\w+)<\/text>/gs)];
    expect(named.map(([, status, name]) => [status, name])).toEqual(
      Object.keys(transitions).map((status) => [status, status]),
    );
  });
});

const withoutCode = (markdown: string): string => markdown.replaceAll(/^```.*?^```$|`[^`\n]*`/gms, "");

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsIn(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** What the guide's module of a store exports. */
interface StoreExample {
  keyValueStore(storage: object): OpenStore;
}

// The example of a store is held by the contract like the stores that it stands beside.
const folder = mkdtempSync(join(tmpdir(), "docs-"));
const module = join(folder, "key-value-store.ts");
const imported = JSON.stringify(join(root, "src/client/index.ts"));
writeFileSync(module, sample("docs/guide/own-store/key-value-store.ts").text.replace('"partita/client"', imported));
const { keyValueStore } = (await import(module)) as StoreExample;
rmSync(folder, { recursive: true });

function valueStorage() {
  const values = new Map<string, string>();
  return {
    // In no order that anybody could count on.
    getAllKeys: async () => [...values.keys()].toReversed(),
    getItem: async (key: string) => values.get(key) ?? null,
    setItem: async (key: string, value: string) => void values.set(key, value),
    removeItem: async (key: string) => void values.delete(key),
  };
}

queueStoreSuite("the example of the guide", {
  durable: true,
  withStorage: (test) => test(keyValueStore(valueStorage())),
});

describe("queue store: the example of the guide in particular", () => {
  it("[CL-2] goes on after a restart where it was, in each scope", async () => {
    const storage = valueStorage();
    const scopes = ["a", '"a"', "a:entry:"];
    for (const scope of scopes) {
      const store = await keyValueStore(storage)(scope);
      for (const key of ["z", "one", "a:1", "two"]) await store.append(entry(key));
      await store.remove(["one"]);
    }
    for (const scope of scopes) {
      const store = await keyValueStore(storage)(scope);
      await store.append(entry("z"));
      await store.append(entry("b"));
      await store.remove(["two"]);
    }
    for (const scope of scopes) {
      expect(await keysIn(await keyValueStore(storage)(scope))).toEqual(["z", "a:1", "b"]);
    }
  });
});
