/**
 * A GPU that is reserved and not computed with.
 */
import { asksForGpu } from "../../../api/execution-provider.ts";
import type { Lint } from "./lint.ts";

/** The lint `gpu-unused`. */
export const gpuUnused: Lint = {
  name: "gpu-unused",
  find({ runtime, pools }) {
    if (runtime.executionProvider !== "CPU") return [];
    return pools.flatMap((pool, index) =>
      asksForGpu(pool)
        ? [
            {
              path: ["spec", "pools", index],
              message: `pool ${pool.name} reserves a GPU, and spec.runtime.executionProvider says CPU`,
              remedy: "leave spec.runtime.executionProvider out, or ask for no GPU",
            },
          ]
        : [],
    );
  },
};
