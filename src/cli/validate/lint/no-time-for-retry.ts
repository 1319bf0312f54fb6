/**
 * A try that takes most of the whole time: a model server that hangs costs the request, not just the try.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import { perTryTimeout } from "../../../core/traffic/plan-traffic.ts";
import type { Lint } from "./lint.ts";

/** The lint `no-time-for-retry`. */
export const noTimeForRetry: Lint = {
  name: "no-time-for-retry",
  find({ traffic }) {
    const one = perTryTimeout(traffic);
    if (2 * parseDurationMilliseconds(one) <= parseDurationMilliseconds(traffic.timeout)) return [];
    return [
      {
        path: ["spec", "traffic", "perTryTimeout"],
        message: `two tries of ${one} do not fit into ${traffic.timeout}, so a server that hangs fails its requests`,
        remedy: "make perTryTimeout at most half of timeout, or leave it out",
      },
    ];
  },
};
