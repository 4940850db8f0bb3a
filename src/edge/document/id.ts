import * as z from "zod/mini";
import { bounds } from "../../protocol/index.ts";

export const id = z.string().check(z.minLength(1), z.maxLength(bounds.idLengthMax), z.regex(/^[\x21-\x7e]+$/));
