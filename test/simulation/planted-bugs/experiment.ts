/**
 * Errors in the planner of experiments.
 */
import type { ModelExperimentStatus } from "../../../src/api/experiment-status.ts";
import type { TrafficArm } from "../../../src/api/traffic-plan.ts";
import type { ObservedExperiment } from "../../../src/core/observation.ts";
import { candidateEntry } from "../invariants/candidate-entry.ts";
import { completeness } from "../invariants/completeness.ts";
import {
  experimentAlone,
  experimentShares,
  foundByEvidence,
  stableStaysWhole,
  verdictStands,
} from "../invariants/experiments.ts";
import { experimentsAtRest } from "../invariants/experiments-at-rest.ts";
import { reportFirst } from "../invariants/report-first.ts";
import { trafficReadiness } from "../invariants/traffic-readiness.ts";
import type { Substitutes } from "../operators/operator-process.ts";
import { calling, deciding, type PlantedBug, planning, seeing } from "./planted-bug.ts";

/** The real decision about experiments that are not as they are. */
function seeingExperiments(change: (experiment: ObservedExperiment) => ObservedExperiment): Substitutes {
  return seeing((observation) =>
    observation.experiments === undefined
      ? observation
      : { ...observation, experiments: observation.experiments.map(change) },
  );
}

/** The real decision with other reports of experiments. */
function telling(change: (status: ModelExperimentStatus) => ModelExperimentStatus): Substitutes {
  return deciding((decision) => ({
    ...decision,
    experiments: decision.experiments.map((report) => ({ ...report, status: change(report.status) })),
  }));
}

const isOfExperiment = ({ name }: TrafficArm) => name.startsWith("Arm") || name === "Holdout";

/** All of them. */
export const EXPERIMENT_BUGS: readonly PlantedBug[] = [
  {
    what: "gives an arm twice its share",
    substitutes: planning(({ arms }) => {
      const [own] = arms.filter(isOfExperiment);
      if (own === undefined) return {};
      return {
        arms: arms.map((arm) => {
          if (arm.name === own.name) return { ...arm, weight: 2 * own.weight };
          return arm.name === "Stable" ? { ...arm, weight: arm.weight - own.weight } : arm;
        }),
      };
    }),
    noticedBy: [experimentShares.name],
  },
  {
    what: "leaves the arms their shares when a release begins",
    substitutes: planning(({ arms }, { deployment }, { status }) => {
      const former = deployment.status.traffic?.arms ?? [];
      const isTaken = former.some(isOfExperiment) && !arms.some(isOfExperiment);
      return isTaken && status.revisions?.candidate !== undefined ? { arms: former } : {};
    }),
    noticedBy: [experimentAlone.name],
    withinSeeds: 200,
  },
  {
    what: "does not hear that a person stopped an experiment",
    substitutes: seeingExperiments((experiment) => ({
      ...experiment,
      spec: { ...experiment.spec, stopped: false },
    })),
    noticedBy: [foundByEvidence.name, experimentShares.name],
  },
  {
    what: "leaves the arms their shares when an experiment is over",
    substitutes: planning(({ arms }, { deployment }, { status }) => {
      const { traffic } = deployment.status;
      const isOver = traffic?.arms.some(isOfExperiment) === true && !arms.some(isOfExperiment);
      return isOver && status.revisions?.candidate === undefined ? traffic : {};
    }),
    noticedBy: [completeness.name, experimentsAtRest.name],
  },
  {
    what: "tells of an experiment that is over in other words",
    substitutes: seeingExperiments((experiment) => {
      const { verdict: _forgotten, ...status } = experiment.status;
      return { ...experiment, status };
    }),
    noticedBy: [verdictStands.name],
  },
  {
    what: "calls the first arm better whatever was counted",
    substitutes: telling((status) => ({
      ...status,
      arms: (status.arms ?? []).map((arm, index) => ({
        ...arm,
        ...(index > 0 || arm.findings === undefined
          ? {}
          : { findings: arm.findings.map((found) => ({ ...found, finding: "Better" as const })) }),
      })),
    })),
    noticedBy: [foundByEvidence.name],
  },
  {
    what: "takes the time of an experiment for over half a minute before it is",
    substitutes: seeingExperiments((experiment) => {
      const { endsAt } = experiment.status;
      if (endsAt === undefined || experiment.status.phase !== "Running") return experiment;
      const early = new Date(Date.parse(endsAt) - 30_000).toISOString();
      return { ...experiment, status: { ...experiment.status, endsAt: early } };
    }),
    noticedBy: [foundByEvidence.name],
  },
  {
    what: "counts on fewer replicas of stable while arms have shares",
    substitutes: planning(({ arms }, _observation, { status }) => {
      if (!arms.some(isOfExperiment)) return {};
      const stable = status.revisions?.stable;
      const fewer = (pool: TrafficArm["pools"][number]) =>
        pool.revision === stable ? { ...pool, replicas: Math.max(1, pool.replicas - 1) } : pool;
      return { arms: arms.map((arm) => ({ ...arm, pools: arm.pools.map(fewer) })) };
    }),
    noticedBy: [stableStaysWhole.name],
  },
  {
    what: "puts nothing behind the arms",
    substitutes: planning(({ arms }) => ({
      arms: arms.map((arm) => (arm.name.startsWith("Arm") ? { ...arm, pools: arm.pools.slice(0, 1) } : arm)),
    })),
    noticedBy: [candidateEntry.name, stableStaysWhole.name],
  },
  {
    what: "takes replicas of arms for ready as soon as they are asked for",
    substitutes: seeing((observation) => {
      const arms = (observation.experiments ?? []).flatMap(({ status }) =>
        (status.arms ?? []).map(({ revision }) => revision),
      );
      const pods = observation.pods.map((pod) =>
        arms.includes(pod.revision) ? { ...pod, isReady: true } : pod,
      );
      return { ...observation, pods };
    }),
    noticedBy: [trafficReadiness.name, candidateEntry.name],
  },
  {
    what: "lets shares follow an experiment that was not reported",
    substitutes: calling((port) => ({
      apply: async (object, options, target) =>
        options.subresource === "status" && object.kind === "ModelExperiment"
          ? object
          : await port.apply(object, options, target),
    })),
    noticedBy: [reportFirst.name, experimentsAtRest.name],
  },
];
