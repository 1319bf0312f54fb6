/**
 * More threads than the container may use CPUs: the kernel stops all of them for a part of every tenth of a second.
 */
import { executionProviderOf } from "../../../api/execution-provider.ts";
import { wholeQuantity } from "../../../api/quantity.ts";
import type { Lint } from "./lint.ts";

/** The lint `more-threads-than-cpu`. */
export const moreThreadsThanCpu: Lint = {
  name: "more-threads-than-cpu",
  find({ runtime, pools }) {
    return pools.flatMap((pool, index) => {
      const limit = pool.resources?.limits?.["cpu"];
      const isShort = limit !== undefined && (wholeQuantity(String(limit)) ?? 0) < runtime.intraOpThreads;
      if (!isShort || executionProviderOf(runtime, pool) !== "CPU") return [];
      return [
        {
          path: ["spec", "pools", index, "resources", "limits", "cpu"],
          message: `pool ${pool.name} may use ${limit} CPUs and runs a model with ${runtime.intraOpThreads} threads`,
          remedy: "raise the limit, remove it, or lower spec.runtime.intraOpThreads",
        },
      ];
    });
  },
};
