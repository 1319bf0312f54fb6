/**
 * A manifest that has no effect.
 */
import type { Lint } from "./lint.ts";

/** The lint `suspended`. */
export const suspended: Lint = {
  name: "suspended",
  find({ suspend }) {
    if (suspend !== true) return [];
    return [
      {
        path: ["spec", "suspend"],
        message: "is true: whatever else the manifest says takes no effect",
        remedy: "remove it when the work is done",
      },
    ];
  },
};
