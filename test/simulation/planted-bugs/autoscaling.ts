/**
 * Errors in the planner of autoscaling.
 */
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import type { Observation } from "../../../src/core/observation.ts";
import { LOAD_SLOT_MILLISECONDS, LOAD_SLOT_SECONDS, loadSlotAt } from "../../../src/stats/load-slots.ts";
import { oneAutoscaler, takenOver } from "../invariants/autoscalers.ts";
import {
  handedOver,
  loadMemories,
  scaledInByKnowledge,
  scaledWithinBounds,
} from "../invariants/autoscaling.ts";
import {
  deciding,
  notRemoving,
  type PlantedBug,
  seeing,
  withSpec as withObjectSpec,
  withStatus,
} from "./planted-bug.ts";

const SLOTS = 40;

/** The observation in which every slot that is not known had no request. */
function withSilenceAsQuiet(observation: Observation): Observation {
  const { load, nowMilliseconds } = observation;
  if (load === undefined) return observation;
  const known = new Map(load.samples.map((sample) => [sample.atMilliseconds, sample]));
  const last = loadSlotAt(nowMilliseconds);
  const samples = Array.from({ length: SLOTS }, (_, at) => {
    const atMilliseconds = (last - SLOTS + 1 + at) * LOAD_SLOT_MILLISECONDS;
    const none = { arrived: 0, answered: 0, busySeconds: 0, waiting: 0 };
    return known.get(atMilliseconds) ?? { ...none, atMilliseconds, seconds: LOAD_SLOT_SECONDS };
  });
  return { ...observation, load: { ...load, samples } };
}

function withSpec(observation: Observation, spec: Partial<Observation["deployment"]["spec"]>): Observation {
  const { deployment } = observation;
  return { ...observation, deployment: { ...deployment, spec: { ...deployment.spec, ...spec } } };
}

function withoutStatus(observation: Observation, part: "autoscaling" | "pools"): Observation {
  const { deployment } = observation;
  const { [part]: _gone, ...status } = deployment.status;
  return { ...observation, deployment: { ...deployment, status } };
}

function isOthers({ autoscaling }: Observation["deployment"]["spec"]): boolean {
  return autoscaling?.owner === "HPA" || autoscaling?.owner === "KEDA";
}

/** All of them. */
export const AUTOSCALING_BUGS: readonly PlantedBug[] = [
  {
    what: "asks for one replica more than the maximum",
    substitutes: deciding((decision, { deployment }) => {
      const { autoscaling } = decision.status;
      const most = deployment.spec.autoscaling?.maxReplicas;
      if (autoscaling === undefined || autoscaling.replicas !== most) return decision;
      return withStatus(decision, { autoscaling: { ...autoscaling, replicas: most + 1 } });
    }),
    noticedBy: [scaledWithinBounds.name],
  },
  {
    what: "takes a silence for a load of nothing",
    substitutes: seeing(withSilenceAsQuiet),
    noticedBy: [scaledInByKnowledge.name],
  },
  {
    what: "takes replicas away without waiting",
    substitutes: seeing((observation) => {
      const { autoscaling } = observation.deployment.spec;
      return autoscaling === undefined
        ? observation
        : withSpec(observation, { autoscaling: { ...autoscaling, scaleIn: { after: "0s" } } });
    }),
    noticedBy: [scaledInByKnowledge.name],
  },
  {
    what: "begins with what the spec says, and not with what is there",
    substitutes: seeing((observation) =>
      observation.deployment.status.autoscaling === undefined
        ? withoutStatus(observation, "pools")
        : observation,
    ),
    noticedBy: [handedOver.name, takenOver.name],
  },
  {
    what: "lets the spec take over at once when Petrel does not own the replicas any more",
    substitutes: seeing((observation) =>
      observation.deployment.spec.autoscaling?.owner === "Petrel"
        ? observation
        : withoutStatus(observation, "autoscaling"),
    ),
    noticedBy: [handedOver.name],
  },
  {
    what: "keeps what it has learned of a load for ever",
    substitutes: notRemoving(({ name }) => /-load-/.test(name)),
    noticedBy: [loadMemories.name],
  },
  {
    what: "gives an autoscaler its own bounds before it has taken the replicas over",
    substitutes: deciding((decision, { deployment }) => {
      const { minReplicas, maxReplicas } = deployment.spec.autoscaling ?? {};
      return {
        ...decision,
        apply: decision.apply.map((object) =>
          object.kind === RESOURCE.horizontalPodAutoscaler.kind
            ? withObjectSpec(object, { minReplicas, maxReplicas })
            : object,
        ),
      };
    }),
    noticedBy: [oneAutoscaler.name],
  },
  {
    what: "has the number in the spec count before an autoscaler has written it",
    substitutes: seeing((observation) => {
      const { status, spec } = observation.deployment;
      const { autoscaling } = status;
      if (autoscaling === undefined || !isOthers(spec)) return observation;
      const taken = { ...autoscaling, because: "Autoscaler" } as const;
      const deployment = { ...observation.deployment, status: { ...status, autoscaling: taken } };
      return { ...observation, deployment };
    }),
    noticedBy: [takenOver.name],
  },
  {
    what: "takes what a manifest leaves below the least for what an autoscaler wrote",
    substitutes: deciding((decision, { deployment }) => {
      const { autoscaling } = decision.status;
      const { replicas } = deployment.spec;
      if (autoscaling === undefined || replicas === 0 || !isOthers(deployment.spec)) return decision;
      return withStatus(decision, { autoscaling: { ...autoscaling, replicas, because: "Autoscaler" } });
    }),
    noticedBy: [takenOver.name],
  },
  {
    what: "leaves the autoscaler of a former owner",
    substitutes: notRemoving(({ resource }) => resource === RESOURCE.horizontalPodAutoscaler),
    noticedBy: [oneAutoscaler.name],
  },
  {
    what: "leaves the ScaledObject of a former owner",
    substitutes: notRemoving(({ resource }) => resource === RESOURCE.scaledObject),
    noticedBy: [oneAutoscaler.name],
  },
];
