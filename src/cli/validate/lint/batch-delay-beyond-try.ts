/**
 * Requests that may wait for others longer than a try lasts.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import { perTryTimeout } from "../../../core/traffic/plan-traffic.ts";
import type { Lint } from "./lint.ts";

/** The lint `batch-delay-beyond-try`. */
export const batchDelayBeyondTry: Lint = {
  name: "batch-delay-beyond-try",
  find({ runtime, traffic }) {
    const delay = runtime.batching?.maxDelay;
    const one = perTryTimeout(traffic);
    if (delay === undefined || parseDurationMilliseconds(delay) < parseDurationMilliseconds(one)) return [];
    return [
      {
        path: ["spec", "runtime", "batching", "maxDelay"],
        message: `a request may wait ${delay} for others, and a try ends after ${one}`,
        remedy: "make maxDelay a small part of spec.traffic.perTryTimeout; milliseconds are enough",
      },
    ];
  },
};
