/**
 * A gate on how the candidate serves, and fewer replicas than it needs: it would wait until its deadline, whatever the
 * candidate does.
 */
import { leastReplicas } from "../../../api/autoscaling.ts";
import { judgesService } from "../../../core/rollout/gates/gate-questions.ts";
import { LEAST_WARM_PODS } from "../../../core/rollout/gates/service-arms.ts";
import type { Lint } from "./lint.ts";

/** The lint `gate-without-pods`. */
export const gateWithoutPods: Lint = {
  name: "gate-without-pods",
  find(spec) {
    const { rollout } = spec;
    const replicas = leastReplicas(spec);
    // Scaled to zero as a whole, nothing is expected of it.
    if (replicas === 0 || replicas >= LEAST_WARM_PODS || rollout === undefined) return [];
    const found = (what: string, ...path: readonly (string | number)[]) => ({
      path: ["spec", "rollout", ...path],
      message: `${what} needs ${LEAST_WARM_PODS} pods of the candidate, and it gets ${replicas}: a release waits until its deadline, and is given up`,
      remedy: `give the first pool ${LEAST_WARM_PODS} replicas or more, in spec.replicas, by kubectl scale, or as minReplicas of spec.autoscaling`,
    });
    const { gates = [], strategy } = rollout;
    return [
      ...(strategy.shadow?.latency === undefined
        ? []
        : [found("the latency of mirrored requests", "strategy", "shadow", "latency")]),
      ...gates.flatMap((gate, index) =>
        judgesService([gate]) ? [found(`gate ${gate.name}`, "gates", index)] : [],
      ),
    ];
  },
};
