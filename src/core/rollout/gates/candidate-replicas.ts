/**
 * Always on: a step ends only while the candidate has every replica that its share of the traffic needs, and at least
 * two where the spec asks for two. What was seen of fewer replicas says little about the release.
 */
import { replicasForWeight } from "../../capacity/desired-replicas.ts";
import { readyReplicas } from "../../readiness.ts";
import type { Gate } from "./gate.ts";

/** The gate. */
export const candidateReplicas: Gate = {
  name: "candidate-replicas",
  judge({ observation, revision, weight }) {
    const { spec } = observation.deployment;
    const counts = spec.pools.map((pool) => ({
      pool: pool.name,
      ready: readyReplicas(observation, revision, pool.name),
      needed: replicasForWeight(spec, pool, weight),
    }));
    const short = counts.find(({ ready, needed }) => ready < needed);
    return short === undefined
      ? { outcome: "Pass", message: "every replica that the step needs is ready" }
      : {
          outcome: "Wait",
          message: `pool ${short.pool}: ${short.ready} of ${short.needed} replicas that the step needs are ready`,
        };
  },
};
