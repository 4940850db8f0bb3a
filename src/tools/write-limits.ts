// A part of `npm run docs`: writes what the documentation says of bounds and limits.
import { writeFileSync } from "node:fs";
import { limitDocuments } from "./docs/limits.ts";

for (const [path, text] of limitDocuments()) writeFileSync(path, text);
