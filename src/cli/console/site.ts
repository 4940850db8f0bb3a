import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { Mistake } from "../mistake.ts";

/** A file as it is sent. */
interface SiteFile {
  type: string;
  contents: Buffer;
}

/** The pages of the console. */
export interface Site {
  /** By the path of their address. */
  files: ReadonlyMap<string, SiteFile>;
  /** What each answer says besides: the content security policy. */
  headers: Readonly<Record<string, string>>;
}

/** The address of the console, as on a server that has its pages. */
export const consolePath = "/console";
const page = "console.html";
const headersFile = "_headers";
/** Where the page names the server that it is of. */
const serverMark = "<!-- server -->";
const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

/** The console as it is in `folder`, for the server at an origin. @throws Mistake where it is not there. */
export function siteIn(folder: string, serverOrigin: string): Site {
  if (!existsSync(join(folder, page)))
    throw new Mistake("The console is in the packed package. In its repository, npm start serves it at /console.");
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => path.replaceAll("\\", "/"));
  const files = paths.flatMap((path): [string, SiteFile][] => {
    const type = types[extname(path)];
    if (type === undefined) return [];
    const contents = readFileSync(join(folder, path));
    if (path !== page) return [[`/${path}`, { type, contents }]];
    // An origin has no character that HTML gives a meaning.
    return [[consolePath, { type, contents: Buffer.from(contents.toString().replace(serverMark, serverOrigin)) }]];
  });
  return { files: new Map(files), headers: headersIn(readFileSync(join(folder, headersFile), "utf8")) };
}

/** The headers of a `_headers` file that has one rule, for all paths. */
function headersIn(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^ +([\w-]+): (.+)$/gm)].map(([, name, value]) => [name!, value!]));
}
