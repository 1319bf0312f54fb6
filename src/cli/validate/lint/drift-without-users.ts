/**
 * Drift is looked for, and nothing says which requests are of one user: those are alike, so that alarms come more often
 * than they should.
 */
import { userHeaderOf } from "../../../api/quality.ts";
import type { Lint } from "./lint.ts";

/** The lint `drift-without-users`. */
export const driftWithoutUsers: Lint = {
  name: "drift-without-users",
  find(spec) {
    if (spec.quality?.observe?.drift === undefined || userHeaderOf(spec) !== undefined) return [];
    return [
      {
        path: ["spec", "quality", "observe", "drift"],
        message:
          "no header names the user, so each request counts by itself: alarms may come more often than falseAlarmEvery says",
        remedy: "state spec.quality.userHeader",
      },
    ];
  },
};
