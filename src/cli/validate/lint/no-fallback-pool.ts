/**
 * GPUs everywhere: what takes all of them away (a driver, a full zone) takes everything.
 */
import { asksForGpu } from "../../../api/execution-provider.ts";
import type { Lint } from "./lint.ts";

/** The lint `no-fallback-pool`. */
export const noFallbackPool: Lint = {
  name: "no-fallback-pool",
  find({ pools }) {
    if (!pools.every(asksForGpu)) return [];
    return [
      {
        path: ["spec", "pools"],
        message: "every pool needs GPUs, so nothing answers when there are none",
        remedy: "add a pool on plain nodes behind them; it may serve a smaller model of its own",
      },
    ];
  },
};
