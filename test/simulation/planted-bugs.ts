/**
 * Errors that somebody could make in the operator, one for each, to see whether the simulation notices. Each takes
 * the place of a real part: of the decision, or of the port to the API.
 */
import { valueAt } from "../../src/api/json.ts";
import type { KubeObject, ObjectReference } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import { FIRST_TRAFFIC_PORT } from "../../src/api/traffic-plan.ts";
import { decide } from "../../src/core/decide.ts";
import type { Decision } from "../../src/core/decision.ts";
import type { Observation } from "../../src/core/observation.ts";
import { type ApplyOptions, KubeError, type KubePort } from "../../src/kube/port.ts";
import type { Substitutes } from "./operators/operator-process.ts";

/** One error and what has to notice it. */
export interface PlantedBug {
  /** Which part has it. */
  readonly part: "revision" | "capacity" | "traffic" | "conditions" | "execution";
  readonly what: string;
  readonly substitutes: Substitutes;
  /** Names of invariants; one of them must break. */
  readonly noticedBy: readonly string[];
}

const PROMOTION = "no promotion before a router has carried the candidate's plan out";
const CAPACITY = "no model servers go before the traffic has left them";
const READINESS = "no revision gets traffic before a replica of it was ready";
const BROKEN = "a broken model never gets traffic";
const WEIGHTS = "weights of a plan add up to the whole, or it has no arm";
const EPOCHS = "the epoch never falls";
const PORTS = "every ModelDeployment of a namespace has a port of its own";
const FOREIGN = "nothing foreign is changed";
const CONVERGENCE = "everything has converged";
const REST = "everything comes to rest";
const IDLE = "idle means idle";

function deciding(change: (decision: Decision, observation: Observation) => Decision): Substitutes {
  return { decide: (observation) => change(decide(observation), observation) };
}

function seeing(change: (observation: Observation) => Observation): Substitutes {
  return { decide: (observation) => decide(change(observation)) };
}

function withStatus(decision: Decision, status: Partial<Decision["status"]>): Decision {
  return { ...decision, status: { ...decision.status, ...status } };
}

/** What every planner would say if all pods were ready. */
function asIfReady(observation: Observation): Decision {
  return decide({ ...observation, pods: observation.pods.map((pod) => ({ ...pod, isReady: true })) });
}

/** A port whose applies are changed on their way. */
function applying(
  change: (object: KubeObject, options: ApplyOptions) => readonly [KubeObject, ApplyOptions],
): Substitutes {
  return {
    port: (port) =>
      portWith(port, {
        apply: (object, options, target) => port.apply(...change(object, options), target),
      }),
  };
}

function portWith(port: KubePort, changes: Partial<KubePort>): KubePort {
  return {
    list: (resource, options) => port.list(resource, options),
    watch: (resource, options, signal) => port.watch(resource, options, signal),
    get: (reference) => port.get(reference),
    create: (object, options) => port.create(object, options),
    replace: (object, options) => port.replace(object, options),
    apply: (object, options, target) => port.apply(object, options, target),
    delete: (reference, options) => port.delete(reference, options),
    ...changes,
  };
}

function deploymentReference(name: string, namespace: string): ObjectReference {
  return { resource: RESOURCE.deployment, name, namespace };
}

/** All of them. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    part: "revision",
    what: "takes the newest spec for stable, whatever serves",
    substitutes: seeing((observation) => {
      const { deployment } = observation;
      const { revisions: _revisions, ...status } = deployment.status;
      return { ...observation, deployment: { ...deployment, status } };
    }),
    noticedBy: [PROMOTION],
  },
  {
    part: "revision",
    what: "promotes a candidate as soon as it is given traffic, before any router knows",
    substitutes: deciding((decision) => {
      const { candidate } = decision.status.revisions ?? {};
      const hasTraffic = decision.status.traffic?.arms.some(({ name }) => name === "Candidate") === true;
      return hasTraffic && candidate !== undefined
        ? withStatus(decision, { revisions: { stable: candidate } })
        : decision;
    }),
    noticedBy: [PROMOTION],
  },
  {
    part: "capacity",
    what: "removes what nothing needs before the routers have let go of it",
    substitutes: deciding((decision, { deployment, modelServers }) => {
      const needed = new Set(decision.apply.map(({ metadata }) => metadata.name));
      const { namespace } = deployment.metadata;
      const remove = modelServers
        .filter(({ name }) => !needed.has(name))
        .map(({ name, uid }) => ({ reference: deploymentReference(name, namespace), uid }));
      return { ...decision, remove };
    }),
    noticedBy: [CAPACITY],
  },
  {
    part: "capacity",
    what: "has one replica less than asked for",
    substitutes: deciding((decision) => ({
      ...decision,
      scale: decision.scale.map((intent) => ({ ...intent, replicas: Math.max(0, intent.replicas - 1) })),
    })),
    noticedBy: [CAPACITY, CONVERGENCE, REST],
  },
  {
    part: "traffic",
    what: "gives traffic to a revision of which no replica is ready",
    substitutes: deciding((decision, observation) => {
      const { traffic } = asIfReady(observation).status;
      return traffic === undefined ? decision : withStatus(decision, { traffic });
    }),
    noticedBy: [READINESS, BROKEN],
  },
  {
    part: "traffic",
    what: "loses a ten-thousandth of the traffic",
    substitutes: deciding((decision) => {
      const { traffic } = decision.status;
      if (traffic === undefined) return decision;
      const arms = traffic.arms.map((arm) => ({ ...arm, weight: 9_999 }));
      return withStatus(decision, { traffic: { ...traffic, arms } });
    }),
    noticedBy: [WEIGHTS],
  },
  {
    part: "traffic",
    what: "gives every ModelDeployment the same port",
    substitutes: deciding((decision) => {
      const { traffic } = decision.status;
      return traffic === undefined
        ? decision
        : withStatus(decision, { traffic: { ...traffic, port: FIRST_TRAFFIC_PORT } });
    }),
    noticedBy: [PORTS, CONVERGENCE, REST],
  },
  {
    part: "traffic",
    what: "counts epochs down",
    substitutes: deciding((decision, { deployment }) => {
      const { traffic } = decision.status;
      const before = deployment.status.traffic?.epoch;
      if (traffic === undefined || before === undefined || before < 2 || traffic.epoch === before)
        return decision;
      return withStatus(decision, { traffic: { ...traffic, epoch: before - 1 } });
    }),
    noticedBy: [EPOCHS],
  },
  {
    part: "conditions",
    what: "says Ready whatever is so",
    substitutes: deciding((decision) =>
      withStatus(decision, {
        conditions: (decision.status.conditions ?? []).map((condition) =>
          condition.type === "Ready" ? { ...condition, status: "True" } : condition,
        ),
      }),
    ),
    noticedBy: [CONVERGENCE],
  },
  {
    part: "conditions",
    what: "tells the time in a message",
    substitutes: deciding((decision, { nowMilliseconds }) =>
      withStatus(decision, {
        conditions: (decision.status.conditions ?? []).map((condition) => ({
          ...condition,
          message: `${condition.message} at ${nowMilliseconds}`,
        })),
      }),
    ),
    noticedBy: [REST, IDLE],
  },
  {
    part: "execution",
    what: "stores a status whatever was stored meanwhile",
    substitutes: applying((object, options) => {
      if (options.subresource !== "status") return [object, options];
      const { resourceVersion: _version, ...metadata } = object.metadata;
      return [{ ...object, metadata }, options];
    }),
    noticedBy: [EPOCHS, CAPACITY, PROMOTION],
  },
  {
    part: "execution",
    what: "takes over what belongs to others",
    substitutes: {
      port: (port) =>
        portWith(port, {
          get: async (reference) => {
            const found = await port.get(reference);
            if (found.kind === RESOURCE.lease.kind) return found;
            throw new KubeError(404, "NotFound", "not found");
          },
          apply: (object, options, target) => port.apply(object, { ...options, force: true }, target),
        }),
    },
    noticedBy: [FOREIGN],
  },
  {
    part: "execution",
    what: "says the replicas of model servers in every apply",
    substitutes: deciding((decision) => ({
      ...decision,
      apply: decision.apply.map((object) =>
        object.kind === RESOURCE.deployment.kind
          ? { ...object, spec: { ...objectOf(valueAt(object, "spec")), replicas: 0 } }
          : object,
      ),
    })),
    noticedBy: [CAPACITY],
  },
  {
    part: "execution",
    what: "never removes anything",
    substitutes: { port: (port) => portWith(port, { delete: async () => {} }) },
    noticedBy: [CONVERGENCE],
  },
];

function objectOf(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
