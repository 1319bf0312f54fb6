/**
 * A gate on latency whose limit no try can reach: it is given up before.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import { perTryTimeout } from "../../../core/traffic/plan-traffic.ts";
import type { Lint } from "./lint.ts";

/** The lint `latency-beyond-try`. */
export const latencyBeyondTry: Lint = {
  name: "latency-beyond-try",
  find({ rollout, traffic }) {
    const one = perTryTimeout(traffic);
    return (rollout?.gates ?? []).flatMap(({ name, latency }, index) => {
      const max = latency?.max;
      if (max === undefined || parseDurationMilliseconds(max) < parseDurationMilliseconds(one)) return [];
      return [
        {
          path: ["spec", "rollout", "gates", index, "latency", "max"],
          message: `gate ${name} lets a try take ${max}, and each is given up after ${one}: it can never fail`,
          remedy: "make max less than spec.traffic.perTryTimeout",
        },
      ];
    });
  },
};
