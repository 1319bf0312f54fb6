/**
 * How long the candidate takes for copies of requests, beside stable for the very same ones: as the gate `Latency` judges
 * first tries, by the servers' own clocks.
 */

import { noData } from "./judgement.ts";
import { judgeLatency, latencySettings } from "./latency.ts";
import type { ShadowGate } from "./shadow-gate.ts";

/** The gate. */
export const shadowLatency: ShadowGate = {
  name: "shadow-latency",
  looksForHarm: false,
  applies: ({ latency }) => latency !== undefined,
  judge(input) {
    const { settings, step, evidence } = input;
    const { shadow } = evidence;
    if (settings.latency === undefined) return noData({ reason: "there is no bound" }, "NoSettings");
    const service = shadow?.kind === "Whole" ? { ...shadow, value: shadow.value.service } : shadow;
    return judgeLatency({
      ...input,
      settings: latencySettings(settings.latency),
      // The candidate never has a load like stable's here, so that is asked of no step of mirrored requests.
      step: { ...step, isLast: false },
      evidence: service === undefined ? { ...evidence } : { ...evidence, service },
    });
  },
};
