/**
 * CUDA in a pool without a GPU: its model servers never become ready.
 */
import { asksForGpu } from "../../../api/execution-provider.ts";
import type { Lint } from "./lint.ts";

/** The lint `provider-without-gpu`. */
export const providerWithoutGpu: Lint = {
  name: "provider-without-gpu",
  find({ runtime, pools }) {
    if (runtime.executionProvider !== "CUDA") return [];
    return pools.flatMap((pool, index) =>
      asksForGpu(pool)
        ? []
        : [
            {
              path: ["spec", "pools", index],
              message: `pool ${pool.name} is to compute with CUDA and asks for no GPU, so it never becomes ready`,
              remedy:
                "leave spec.runtime.executionProvider out: each pool then computes with what it asks for",
            },
          ],
    );
  },
};
