/**
 * Errors in the planner of releases.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { decide } from "../../../src/core/decide.ts";
import type { ObservedRollout } from "../../../src/core/observation.ts";
import { capacityBeforeTraffic } from "../invariants/capacity-before-traffic.ts";
import { convergence } from "../invariants/convergence.ts";
import { holdbackWeights } from "../invariants/holdbacks.ts";
import { mirroredByRelease, mirroredWithoutWeight, mirroringEnds } from "../invariants/mirrored-requests.ts";
import { promotion } from "../invariants/promotion.ts";
import { promotedBySteps, stepGates, stepTimes } from "../invariants/release-steps.ts";
import { releaseWeights } from "../invariants/release-weights.ts";
import { releasesAtRest } from "../invariants/releases-at-rest.ts";
import { JUDGED_GATE, toldOfPairs } from "../judges.ts";
import type { Substitutes } from "../operators/operator-process.ts";
import { COMES_TO_REST } from "../simulation.ts";
import { calling, deciding, type PlantedBug, planning, seeing, withStatus } from "./planted-bug.ts";

/** The real decision about releases that are not as they are. */
function seeingReleases(change: (rollout: ObservedRollout) => ObservedRollout): Substitutes {
  return seeing((observation) => ({ ...observation, rollouts: observation.rollouts.map(change) }));
}

/** The same about what is for good in them: the API server would refuse what follows from that for the stored one. */
function misreadingReleases(change: (rollout: ObservedRollout) => ObservedRollout): Substitutes {
  return {
    decide: (observation) => {
      const { rollouts } = observation;
      const decision = decide({ ...observation, rollouts: rollouts.map(change) });
      const isStored = ({ kind, metadata }: KubeObject) =>
        kind === "ModelRollout" && rollouts.some(({ name }) => name === metadata.name);
      return { ...decision, apply: decision.apply.filter((object) => !isStored(object)) };
    },
  };
}

/** All of them. */
export const ROLLOUT_BUGS: readonly PlantedBug[] = [
  {
    what: "gives a candidate twice the weight of its step",
    substitutes: planning(({ arms }) => {
      const [first, second] = arms;
      if (first === undefined || second === undefined) return {};
      const weight = Math.min(9_999, first.weight * 2);
      return {
        arms: [
          { ...first, weight },
          { ...second, weight: 10_000 - weight },
        ],
      };
    }),
    noticedBy: [releaseWeights.name, stepTimes.name],
  },
  {
    what: "takes a step for in effect an hour before it is",
    substitutes: seeingReleases((rollout) => ({
      ...rollout,
      status: {
        ...rollout.status,
        ...(rollout.status.history === undefined
          ? {}
          : {
              history: rollout.status.history.map((entry) =>
                entry.inEffectAt === undefined
                  ? entry
                  : {
                      ...entry,
                      inEffectAt: new Date(Date.parse(entry.inEffectAt) - 3_600_000).toISOString(),
                    },
              ),
            }),
      },
    })),
    noticedBy: [stepTimes.name],
  },
  {
    what: "does not wait for approval",
    substitutes: seeingReleases((rollout) => ({ ...rollout, spec: { ...rollout.spec, approvedStep: 21 } })),
    noticedBy: [stepTimes.name],
    withinSeeds: 400,
  },
  {
    what: "takes a gate that waits for one that passes",
    substitutes: seeing((observation) => {
      const { gateEvidence, nowMilliseconds } = observation;
      if (gateEvidence === undefined) return observation;
      const value = { outcome: "Pass" as const, message: "" };
      const hooks = new Map([
        [JUDGED_GATE.name, { kind: "Whole" as const, atMilliseconds: nowMilliseconds, value }],
      ]);
      return { ...observation, gateEvidence: { ...gateEvidence, hooks } };
    }),
    noticedBy: [stepGates.name],
    withinSeeds: 400,
  },
  {
    what: "does not hear that a release is to be aborted",
    substitutes: seeingReleases((rollout) => {
      const { decision, ...spec } = rollout.spec;
      return decision === "Abort" ? { ...rollout, spec } : rollout;
    }),
    noticedBy: [releasesAtRest.name, releaseWeights.name, promotedBySteps.name],
  },
  {
    what: "takes a weight for in effect as soon as it is planned",
    substitutes: seeing((observation) => {
      const acknowledgedEpoch = observation.deployment.status.traffic?.epoch ?? 0;
      const routers = observation.routers.map((router) => ({ ...router, acknowledgedEpoch }));
      return { ...observation, routers };
    }),
    noticedBy: [stepTimes.name, promotedBySteps.name, promotion.name, capacityBeforeTraffic.name],
  },
  {
    what: "leaves the traffic with a candidate that was given up",
    substitutes: deciding((decision, { deployment }) => {
      const { traffic } = deployment.status;
      const candidate = traffic?.arms.find(({ name }) => name === "Candidate")?.pools[0]?.revision;
      const isGivenUp = decision.rollouts.some(
        ({ rollout, status }) => rollout.spec.revision === candidate && status.verdict?.outcome === "Aborted",
      );
      return traffic === undefined || !isGivenUp ? decision : withStatus(decision, { traffic });
    }),
    noticedBy: [releasesAtRest.name, convergence.name, COMES_TO_REST, promotion.name],
    withinSeeds: 400,
  },
  {
    what: "goes on mirroring to a candidate that was given up",
    substitutes: deciding((decision, { deployment }) => {
      const { traffic } = deployment.status;
      const revision = traffic?.mirror?.pools[0]?.revision;
      const isGivenUp = decision.rollouts.some(
        ({ rollout, status }) => rollout.spec.revision === revision && status.verdict?.outcome === "Aborted",
      );
      return traffic === undefined || !isGivenUp ? decision : withStatus(decision, { traffic });
    }),
    noticedBy: [mirroringEnds.name],
    withinSeeds: 400,
  },
  {
    what: "gives a candidate traffic beside its copies",
    substitutes: planning(({ arms, mirror }) => {
      const [stable] = arms;
      if (mirror === undefined || stable === undefined) return {};
      return { arms: [{ ...stable, pools: [...stable.pools, ...mirror.pools] }] };
    }),
    noticedBy: [mirroredWithoutWeight.name],
  },
  {
    what: "mirrors twice the share of its release",
    substitutes: planning(({ mirror }) =>
      mirror === undefined ? {} : { mirror: { ...mirror, share: Math.min(10_000, 2 * mirror.share) } },
    ),
    noticedBy: [mirroredByRelease.name, stepTimes.name],
  },
  {
    what: "takes answers that are awaited for ones that agree",
    substitutes: seeing((observation) => {
      const { gateEvidence, nowMilliseconds } = observation;
      if (gateEvidence === undefined) return observation;
      const value = toldOfPairs({ pairs: 20, sameBest: 20 });
      const mirrored = { kind: "Whole" as const, atMilliseconds: nowMilliseconds, value };
      return { ...observation, gateEvidence: { ...gateEvidence, mirrored } };
    }),
    noticedBy: [stepGates.name],
    withinSeeds: 400,
  },
  {
    what: "holds nothing back",
    substitutes: misreadingReleases((rollout) => {
      const { holdback: _none, ...spec } = rollout.spec;
      return { ...rollout, spec };
    }),
    noticedBy: [promotedBySteps.name],
  },
  {
    what: "ends a holdback at once",
    substitutes: misreadingReleases((rollout) => {
      const { holdback, ...spec } = rollout.spec;
      return holdback === undefined
        ? rollout
        : { ...rollout, spec: { ...spec, holdback: { ...holdback, for: "1s" } } };
    }),
    noticedBy: [stepTimes.name],
  },
  {
    what: "gives a candidate again what went back from its holdback",
    substitutes: planning(({ arms }, _observation, { rollouts }) => {
      const isReturning = rollouts.some(
        ({ isCurrent, status }) => isCurrent && status.returning !== undefined,
      );
      const [first, second] = arms;
      if (!isReturning || first === undefined || second === undefined) return {};
      return {
        arms: [
          { ...first, weight: 9_900 },
          { ...second, weight: 100 },
        ],
      };
    }),
    noticedBy: [holdbackWeights.name, releaseWeights.name],
  },
  {
    what: "has all the traffic go back from a holdback at once",
    substitutes: seeing((observation) => {
      const { rollout, revisions } = observation.deployment.status;
      if (rollout?.heldBack === undefined) return observation;
      const [pod] = observation.pods.filter(({ revision }) => revision === revisions?.stable);
      if (pod === undefined) return observation;
      const { spec } = observation.deployment;
      const made = spec.pools.flatMap(({ name: pool, replicas = spec.replicas }) =>
        Array.from({ length: replicas }, () => ({ ...pod, pool, isReady: true, isTerminating: false })),
      );
      return { ...observation, pods: [...observation.pods, ...made] };
    }),
    noticedBy: [holdbackWeights.name],
  },
  {
    what: "forgets with its ModelRollout that the traffic goes back",
    substitutes: seeing((observation) => {
      const { deployment } = observation;
      const { returning: _none, ...rollout } = deployment.status.rollout ?? { number: 0 };
      if (deployment.status.rollout === undefined) return observation;
      return { ...observation, deployment: { ...deployment, status: { ...deployment.status, rollout } } };
    }),
    noticedBy: [holdbackWeights.name],
    withinSeeds: 400,
  },
  {
    what: "ends a holdback for a revision that has not come up",
    substitutes: seeing((observation) => {
      const { deployment, pods, revisions } = observation;
      const [pod] = pods;
      if (deployment.status.rollout?.heldBack === undefined || pod === undefined) return observation;
      const { stable, candidate } = deployment.status.revisions ?? {};
      const others = revisions.filter(({ name }) => name !== stable && name !== candidate);
      const { spec } = deployment;
      const made = others.flatMap(({ name: revision }) =>
        spec.pools.flatMap(({ name: pool, replicas = spec.replicas }) =>
          Array.from({ length: replicas }, () => ({ ...pod, revision, pool, isReady: true })),
        ),
      );
      return { ...observation, pods: [...pods, ...made] };
    }),
    noticedBy: [promotedBySteps.name],
    withinSeeds: 400,
  },
  {
    what: "forgets where a release is",
    substitutes: seeingReleases((rollout) => ({ ...rollout, status: {} })),
    noticedBy: [
      COMES_TO_REST,
      convergence.name,
      stepTimes.name,
      releaseWeights.name,
      capacityBeforeTraffic.name,
    ],
  },
  {
    what: "lets traffic follow a release that was not reported",
    substitutes: calling((port) => ({
      apply: async (object, options, target) =>
        options.subresource === "status" && object.kind === "ModelRollout"
          ? object
          : await port.apply(object, options, target),
    })),
    noticedBy: [releaseWeights.name, convergence.name],
  },
];
