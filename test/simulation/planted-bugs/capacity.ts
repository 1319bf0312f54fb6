/**
 * Errors in the planner of capacity.
 */
import { RESOURCE } from "../../../src/api/kube-resources.ts";
import { desiredReplicas } from "../../../src/core/capacity/desired-replicas.ts";
import { modelServersName } from "../../../src/core/child-names.ts";
import { decide } from "../../../src/core/decide.ts";
import type { ScaleIntent } from "../../../src/core/decision.ts";
import type { Observation } from "../../../src/core/observation.ts";
import { capacityBeforeTraffic } from "../invariants/capacity-before-traffic.ts";
import { completeness } from "../invariants/completeness.ts";
import { convergence } from "../invariants/convergence.ts";
import { COMES_TO_REST } from "../simulation.ts";
import { deciding, notApplying, notRemoving, type PlantedBug, withStatus } from "./planted-bug.ts";

const { deployment: DEPLOYMENT, podDisruptionBudget: BUDGET } = RESOURCE;

/** The observation with as many replicas asked for in every pool as in the first. */
function withEqualPools(observation: Observation): Observation {
  const { deployment } = observation;
  const { spec } = deployment;
  const pools = spec.pools.map((pool, index) => (index === 0 ? pool : { ...pool, replicas: spec.replicas }));
  return { ...observation, deployment: { ...deployment, spec: { ...spec, pools } } };
}

function scalesToZero(
  { deployment, modelServers }: Observation,
  isMeant: (servers: Observation["modelServers"][number]) => boolean,
): readonly ScaleIntent[] {
  const { namespace } = deployment.metadata;
  return modelServers
    .filter((servers) => servers.replicas > 0 && isMeant(servers))
    .map(({ name }) => ({ name, namespace, replicas: 0 }));
}

/** All of them. */
export const CAPACITY_BUGS: readonly PlantedBug[] = [
  {
    what: "removes what nothing needs before the routers have let go of it",
    substitutes: deciding((decision, { deployment, modelServers }) => {
      const deployments = decision.apply.filter(({ kind }) => kind === DEPLOYMENT.kind);
      const needed = new Set(deployments.map(({ metadata }) => metadata.name));
      const { namespace } = deployment.metadata;
      const remove = modelServers
        .filter(({ name }) => !needed.has(name))
        .map(({ name, uid }) => ({ reference: { resource: DEPLOYMENT, name, namespace }, uid }));
      return { ...decision, remove };
    }),
    noticedBy: [capacityBeforeTraffic.name],
  },
  {
    what: "has one replica less than asked for",
    substitutes: deciding((decision) => ({
      ...decision,
      scale: decision.scale.map((intent) => ({ ...intent, replicas: Math.max(0, intent.replicas - 1) })),
    })),
    noticedBy: [capacityBeforeTraffic.name, convergence.name, COMES_TO_REST],
  },
  {
    what: "has one replica more than asked for",
    substitutes: deciding((decision) => ({
      ...decision,
      scale: decision.scale.map((intent) => ({ ...intent, replicas: intent.replicas + 1 })),
    })),
    noticedBy: [convergence.name, completeness.name, COMES_TO_REST],
  },
  {
    what: "gives every pool the replicas of the first",
    substitutes: deciding((decision, observation) => ({
      ...decision,
      scale: decide(withEqualPools(observation)).scale,
    })),
    noticedBy: [capacityBeforeTraffic.name, convergence.name, completeness.name, COMES_TO_REST],
  },
  {
    what: "scales a pool to zero at once when it is to have none",
    substitutes: deciding((decision, observation) => {
      const { spec } = observation.deployment;
      if (spec.suspend === true) return decision;
      const zero = scalesToZero(observation, ({ pool }) =>
        spec.pools.some(
          ({ name, ...rest }) => name === pool && desiredReplicas(spec, { name, ...rest }) === 0,
        ),
      );
      return { ...decision, scale: [...decision.scale, ...zero] };
    }),
    noticedBy: [capacityBeforeTraffic.name],
  },
  {
    what: "takes stable's replicas away as soon as a candidate has the traffic",
    substitutes: deciding((decision, observation) => {
      const hasTraffic = observation.deployment.status.traffic?.arms[0]?.name === "Candidate";
      const { stable, candidate } = decision.status.revisions ?? {};
      if (!hasTraffic || candidate === undefined) return decision;
      return { ...decision, scale: scalesToZero(observation, ({ revision }) => revision === stable) };
    }),
    noticedBy: [capacityBeforeTraffic.name],
  },
  {
    what: "never lets model servers go",
    substitutes: notRemoving(({ resource }) => resource === DEPLOYMENT || resource === BUDGET),
    noticedBy: [convergence.name, completeness.name],
  },
  {
    what: "makes no disruption budget",
    substitutes: notApplying(({ kind }) => kind === BUDGET.kind),
    noticedBy: [completeness.name],
  },
  {
    what: "leaves the disruption budget of what it removes",
    substitutes: notRemoving(({ resource }) => resource === BUDGET),
    noticedBy: [completeness.name],
  },
  {
    what: "leaves replicas as somebody else has set them",
    substitutes: deciding((decision, { deployment, modelServers }) => {
      const { name } = deployment.metadata;
      const isSized = (scaled: string) =>
        modelServers.some(
          ({ pool, revision, replicas, replicasAreUnclaimed }) =>
            modelServersName(name, pool, revision) === scaled && replicas > 0 && !replicasAreUnclaimed,
        );
      return { ...decision, scale: decision.scale.filter((intent) => !isSized(intent.name)) };
    }),
    noticedBy: [convergence.name, completeness.name],
  },
  {
    what: "tells the pools of the last report again",
    substitutes: deciding((decision, { deployment }) =>
      deployment.status.pools === undefined
        ? decision
        : withStatus(decision, { pools: deployment.status.pools }),
    ),
    noticedBy: [completeness.name],
  },
];
