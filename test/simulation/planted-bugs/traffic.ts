/**
 * Errors in the planner of traffic.
 */
import { jsonEquals } from "../../../src/api/json-equals.ts";
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { FIRST_TRAFFIC_PORT, type PlannedPool } from "../../../src/api/traffic-plan.ts";
import { decide } from "../../../src/core/decide.ts";
import type { Observation, ObservedPod } from "../../../src/core/observation.ts";
import { brokenModels } from "../invariants/broken-models.ts";
import { candidateEntry } from "../invariants/candidate-entry.ts";
import { capacityBeforeTraffic } from "../invariants/capacity-before-traffic.ts";
import { completeness } from "../invariants/completeness.ts";
import { convergence } from "../invariants/convergence.ts";
import { countedWhenLost, countedWhenReady } from "../invariants/counted-replicas.ts";
import { epochs } from "../invariants/epochs.ts";
import { ports } from "../invariants/ports.ts";
import { promotion } from "../invariants/promotion.ts";
import { trafficReadiness } from "../invariants/traffic-readiness.ts";
import { trafficWeights } from "../invariants/traffic-weights.ts";
import { COMES_TO_REST } from "../simulation.ts";
import {
  deciding,
  type Plan,
  type PlantedBug,
  planning,
  seeing,
  withSpec,
  withStatus,
} from "./planted-bug.ts";

/** The plan for other pods than there are. */
function planFor(observation: Observation, isReady: (pod: ObservedPod) => boolean): Partial<Plan> {
  const pods = observation.pods.map((pod) => ({ ...pod, isReady: isReady(pod) }));
  return decide({ ...observation, pods }).status.traffic ?? {};
}

/** The plan with the numbers that follow one that counted on other replicas in each pool. */
function recounted(plan: Plan, observation: Observation, replicas: number): Partial<Plan> {
  const { deployment } = observation;
  const { traffic: before } = deployment.status;
  if (before === undefined) return {};
  const counting = (arms: Plan["arms"], numberOf: (pool: PlannedPool) => number) =>
    arms.map((arm) => ({
      ...arm,
      pools: arm.pools.map((pool) => ({ ...pool, replicas: numberOf(pool) })),
    }));
  const traffic = { ...before, arms: counting(before.arms, () => replicas) };
  const status = { ...deployment.status, traffic };
  const after = decide({ ...observation, deployment: { ...deployment, status } }).status.traffic;
  const numbers = (after?.arms ?? []).flatMap(({ pools }) => pools);
  const arms = counting(plan.arms, ({ pool, revision, replicas: own }) => {
    const number = numbers.find((found) => found.pool === pool && found.revision === revision)?.replicas ?? 0;
    return number > 0 ? number : own;
  });
  const isSame = jsonEquals({ ...plan, arms, epoch: before.epoch }, before);
  return { arms, epoch: before.epoch + (isSame ? 0 : 1) };
}

/** All of them. */
export const TRAFFIC_BUGS: readonly PlantedBug[] = [
  {
    what: "gives traffic to a revision of which no replica is ready",
    substitutes: planning((_plan, observation) => planFor(observation, () => true)),
    noticedBy: [trafficReadiness.name, brokenModels.name, candidateEntry.name],
  },
  {
    what: "lets a candidate in with its first ready replica",
    substitutes: planning((_plan, observation) =>
      planFor(observation, ({ revision, pool }) =>
        observation.pods.some((pod) => pod.isReady && pod.revision === revision && pod.pool === pool),
      ),
    ),
    noticedBy: [candidateEntry.name],
  },
  {
    what: "leaves a candidate without stable behind it",
    substitutes: planning((plan) => ({
      arms: plan.arms.map((arm) =>
        arm.name === "Candidate"
          ? { ...arm, pools: arm.pools.filter(({ revision }) => revision === arm.pools[0]?.revision) }
          : arm,
      ),
    })),
    noticedBy: [candidateEntry.name, capacityBeforeTraffic.name],
  },
  {
    what: "loses a ten-thousandth of the traffic",
    substitutes: planning(({ arms }) => ({ arms: arms.map((arm) => ({ ...arm, weight: 9_999 })) })),
    noticedBy: [trafficWeights.name],
  },
  {
    what: "prefers the last pool",
    substitutes: planning(({ arms }) => ({
      arms: arms.map((arm) => ({ ...arm, pools: arm.pools.toReversed() })),
    })),
    noticedBy: [COMES_TO_REST, completeness.name, candidateEntry.name, trafficReadiness.name],
  },
  {
    what: "drops a pool that the spec gave up before another one is ready",
    substitutes: planning(({ arms }, { deployment }) => ({
      arms: arms.map((arm) => ({
        ...arm,
        pools: arm.pools.filter(({ pool }) => deployment.spec.pools.some(({ name }) => name === pool)),
      })),
    })),
    noticedBy: [trafficReadiness.name, brokenModels.name],
  },
  {
    what: "counts on replicas as soon as they are asked for",
    substitutes: planning((plan, observation) => recounted(plan, observation, 1_000)),
    noticedBy: [countedWhenReady.name],
  },
  {
    what: "counts on no replica that is lost",
    substitutes: planning((plan, observation) => recounted(plan, observation, 0)),
    noticedBy: [countedWhenLost.name],
  },
  {
    what: "gives every ModelDeployment the same port",
    substitutes: deciding((decision) => {
      const { traffic } = decision.status;
      if (traffic === undefined) return decision;
      const apply = decision.apply.map((object) =>
        object.kind === RESOURCE.service.kind
          ? withSpec(object, { ports: [{ name: "http", port: 80, targetPort: FIRST_TRAFFIC_PORT }] })
          : object,
      );
      return { ...withStatus(decision, { traffic: { ...traffic, port: FIRST_TRAFFIC_PORT } }), apply };
    }),
    noticedBy: [ports.name, convergence.name, COMES_TO_REST],
  },
  {
    what: "counts epochs down",
    substitutes: planning((plan, { deployment }) => {
      const before = deployment.status.traffic?.epoch ?? 0;
      return before < 2 || plan.epoch === before ? {} : { epoch: before - 1 };
    }),
    noticedBy: [epochs.name],
  },
  {
    what: "changes the plan under the same epoch",
    substitutes: planning((plan, { deployment }) => ({
      epoch: deployment.status.traffic?.epoch ?? plan.epoch,
    })),
    noticedBy: [epochs.name],
  },
  {
    what: "keeps the time-outs of the first plan",
    substitutes: planning((plan, { deployment }) => ({
      timeout: deployment.status.traffic?.timeout ?? plan.timeout,
    })),
    noticedBy: [completeness.name, COMES_TO_REST],
  },
  {
    what: "takes a plan for in effect when the fastest router has it",
    substitutes: seeing((observation) => {
      const live = observation.routers.filter(({ isLive }) => isLive);
      const epoch = Math.max(0, ...live.map(({ acknowledgedEpoch }) => acknowledgedEpoch));
      const routers = observation.routers.map((router) => ({ ...router, acknowledgedEpoch: epoch }));
      return { ...observation, routers };
    }),
    noticedBy: [capacityBeforeTraffic.name, promotion.name],
  },
];
