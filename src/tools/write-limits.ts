// A part of `npm run docs`: writes what the documentation has from the code.
import { writeFileSync } from "node:fs";
import { generatedDocuments } from "./docs/limits.ts";

for (const [path, text] of generatedDocuments()) writeFileSync(path, text);
