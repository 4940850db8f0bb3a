import { type ErrorCode, errorStatuses } from "../../protocol/index.ts";
import type { Edge } from "../env.ts";
import { frameOf } from "../pages.ts";
import { problemList, problemPage } from "../problem-pages.ts";
import { Refused } from "../refused.ts";
import { securePages } from "../security.ts";

/** The pages that the `type` of a problem refers to. */
export function problemRoutes(app: Edge): void {
  app.get("/problems", securePages, (c) => c.html(problemList(frameOf(c))));

  app.get("/problems/:code", securePages, (c) => {
    const code = c.req.param("code");
    if (!Object.hasOwn(errorStatuses, code)) {
      throw new Refused({ code: "not_found", detail: "There is no problem with this code: see /problems." });
    }
    return c.html(problemPage(code as ErrorCode, frameOf(c)));
  });
}
