/**
 * Planner `drill`: which drill has its turn, where each stands, and what routers and the prober are asked for by it.
 *
 * What it asks for follows from what is *stored*: a drill begins only once the stored status of the ModelDeployment names it,
 * so no two are ever at one target, and the traffic plan has nothing of a drill that is not there any more. It gives nobody
 * traffic and takes nobody's: releases, undos and incidents come first, and end it.
 */

import { contentHash } from "../../api/content-hash.ts";
import type { FailoverDrillStatus } from "../../api/drill-status.ts";
import { jsonEquals } from "../../api/json-equals.ts";
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import type { TrafficPlan } from "../../api/traffic-plan.ts";
import { proberJobName } from "../child-names.ts";
import type { DrillReport } from "../decision.ts";
import type { Observation, ObservedDrill } from "../observation.ts";
import { readyReplicas } from "../readiness.ts";
import { earliestAfter } from "../rollout/rollout-time.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { advanceDrill, type DrillObstacle, type DrillView } from "./advance-drill.ts";
import { askedOfRouters, type DrillState } from "./drill-state.ts";
import { plannedDrill } from "./planned-drill.ts";
import { findObstacle } from "./preflight.ts";
import { proberRefusal } from "./prober-refusals.ts";
import { drillStatus, isDone, pendingStatus, storedState, type ToldDrill } from "./reported-drill.ts";
import { longestFault, longestProbing } from "./settings-of-drill.ts";

/** What else goes on with the ModelDeployment. */
export interface BesideDrill {
  /** A release or an undo; for people. */
  readonly underWay?: string | undefined;
  /** Alarms that are on; for people. */
  readonly alarms: readonly string[];
  /** Nothing is decided about the ModelDeployment: a drill ends. */
  readonly halt?: DrillObstacle | undefined;
}

/** The prober that has to run. */
export interface WantedProber {
  readonly job: string;
  readonly drill: ObservedDrill;
  readonly key: string;
  /** How long it counts at most. */
  readonly longestMilliseconds: number;
}

/** The drills, and what follows from the one whose turn it is. */
export interface DrillPlan {
  /** For the status of the ModelDeployment: whose turn it is. */
  readonly reference?: NonNullable<ModelDeploymentStatus["drill"]>;
  readonly reports: readonly DrillReport[];
  /** The part of the traffic plan; absent while nothing is asked of routers. */
  readonly planned?: NonNullable<TrafficPlan["drill"]>;
  /** Absent while no probes are to run. */
  readonly prober?: WantedProber;
  /** Names of the Jobs of probers that nobody needs. */
  readonly surplus: readonly string[];
  readonly wakeAtMilliseconds?: number;
}

/** Names the requests of a drill: nobody comes upon it by chance. */
export function drillKey(uid: string): string {
  return contentHash(["drill", uid]) + contentHash(["probes", uid]);
}

/** Decides about the drills. */
export function planDrill(observation: Observation, beside: BesideDrill): DrillPlan {
  // Of one that is over, everything is said: there may be many, kept for what they found.
  const drills = (observation.drills ?? []).filter(({ status, generation }) => !isDone(status, generation));
  const holder = holderAmong(observation, drills);
  const next = holder ?? drills.find(({ status }) => !hasBegun(storedState(status)));
  const outcomes = drills.map((drill) => outcomeOf(observation, beside, drill, { holder, next }));
  const wakeAtMilliseconds = earliestAfter(
    observation.nowMilliseconds,
    outcomes.map(({ wakeAtMilliseconds: at }) => at),
  );
  const base = {
    reports: outcomes.map(({ drill, status }) => ({ drill, status, isCurrent: drill === holder })),
    ...(next === undefined ? {} : { reference: { name: next.name, uid: next.uid } }),
    ...(wakeAtMilliseconds === undefined ? {} : { wakeAtMilliseconds }),
  };
  const prober = holder === undefined ? undefined : proberOf(observation, holder);
  const surplus = (observation.probers ?? []).filter((job) => job !== prober?.job);
  const planned = holder === undefined ? {} : plannedOf(holder);
  return {
    ...base,
    ...(planned.drill === undefined ? {} : { planned: planned.drill }),
    ...(prober === undefined ? {} : { prober }),
    surplus,
  };
}

/** Whether anything of it may be asked of anybody: what only looks waits for its turn again if that is lost. */
function hasBegun(state: DrillState | undefined): state is DrillState {
  return state !== undefined && state.phase !== "Preflight";
}

/** The one that the stored status names, as long as it is there and something of it may be left. */
function holderAmong(
  { deployment }: Observation,
  drills: readonly ObservedDrill[],
): ObservedDrill | undefined {
  const { drill: reference } = deployment.status;
  return drills.find(({ uid, status }) => uid === reference?.uid && status.phase !== "Ended");
}

/** What the stored state of a drill asks of routers. */
function plannedOf({ name, uid, spec, status, settings, effect }: ObservedDrill): Pick<TrafficPlan, "drill"> {
  return plannedDrill(askedOfRouters(storedState(status)), {
    name,
    pool: spec.fault.pool,
    key: drillKey(uid),
    effect,
    longestMilliseconds: longestFault(settings),
  });
}

/** Probes run from the control period to the end of the failback. */
function proberOf({ deployment }: Observation, drill: ObservedDrill): WantedProber | undefined {
  const asked = askedOfRouters(storedState(drill.status));
  if (asked.routes === "None") return undefined;
  return {
    job: proberJobName(deployment.metadata.name, drill.uid),
    drill,
    key: drillKey(drill.uid),
    longestMilliseconds: longestProbing(drill.settings),
  };
}

interface Turn {
  /** The one that the stored status names. */
  readonly holder: ObservedDrill | undefined;
  /** The one that it is to name. */
  readonly next: ObservedDrill | undefined;
}

interface Outcome {
  readonly drill: ObservedDrill;
  readonly status: FailoverDrillStatus;
  readonly wakeAtMilliseconds?: number | undefined;
}

function outcomeOf(observation: Observation, beside: BesideDrill, drill: ObservedDrill, turn: Turn): Outcome {
  const { nowMilliseconds } = observation;
  const { status: before, generation, settings, problem } = drill;
  const told: ToldDrill = { before, generation };
  const state = storedState(before);
  const stop = stopOf(observation, beside, drill, state, turn);
  if (problem !== undefined && state === undefined) {
    const verdict = { outcome: "Inconclusive", reason: "SettingsUnusable", message: problem } as const;
    return {
      drill,
      status: drillStatus(told, { phase: "Ended", sinceMilliseconds: nowMilliseconds, verdict }),
    };
  }
  const isHolder = drill === turn.holder;
  if (!hasBegun(state) && !isHolder && stop === undefined) {
    const { next } = turn;
    const waits =
      next === drill
        ? { reason: "TakesItsTurn", message: "it is about to begin" }
        : { reason: "AnotherDrill", message: `FailoverDrill ${next?.name} comes first` };
    return { drill, status: pendingStatus(told, waits) };
  }
  const view = viewOf(observation, beside, drill, state, isHolder);
  const step = advanceDrill({
    ...view,
    settings,
    ...(state === undefined ? {} : { state }),
    ...(stop === undefined ? {} : { stop }),
  });
  const { stable } = observation.deployment.status.revisions ?? {};
  return {
    drill,
    status: drillStatus(
      {
        ...told,
        ...(view.obstacle === undefined ? {} : { obstacle: view.obstacle }),
        ...(stable === undefined ? {} : { revision: stable }),
      },
      step.state,
    ),
    wakeAtMilliseconds: step.wakeAtMilliseconds,
  };
}

/** Who or what ends it, whatever the probes say. */
function stopOf(
  { drillsStopped }: Observation,
  { halt }: BesideDrill,
  drill: ObservedDrill,
  state: DrillState | undefined,
  { holder }: Turn,
): DrillObstacle | undefined {
  const { spec, isLeaving } = drill;
  if (spec.abort === true)
    return {
      reason: "AbortedByPerson",
      message: `a person ended it${spec.reason === undefined ? "" : `: ${spec.reason}`}`,
    };
  if (isLeaving) return { reason: "Deleted", message: "the FailoverDrill is deleted" };
  if (drillsStopped !== undefined)
    return { reason: "DrillsStopped", message: `all drills of the cluster are stopped: ${drillsStopped}` };
  if (halt !== undefined) return halt;
  // Somebody wrote the status of the ModelDeployment: whose turn it is cannot be known any more.
  return hasBegun(state) && holder !== drill
    ? { reason: "TurnLost", message: "the status of the ModelDeployment does not name it any more" }
    : undefined;
}

function viewOf(
  observation: Observation,
  { underWay, alarms }: BesideDrill,
  drill: ObservedDrill,
  state: DrillState | undefined,
  isHolder: boolean,
): Pick<DrillView, "nowMilliseconds" | "obstacle" | "refusal" | "pools" | "isAcknowledged" | "record"> {
  const { nowMilliseconds, deployment, probes } = observation;
  const { traffic } = deployment.status;
  const { spec, uid } = drill;
  const pools = traffic?.arms[0]?.pools.map(({ pool, replicas }) => ({ name: pool, replicas }));
  const refusal = proberRefusal(observation, drill);
  const obstacle =
    unreachable(observation) ??
    findObstacle({
      pool: spec.fault.pool,
      delay: spec.fault.delay,
      ...(traffic === undefined ? {} : { traffic }),
      readyReplicas: (revision, pool) => readyReplicas(observation, revision, pool),
      ...(state?.pools === undefined ? {} : { begunWith: state.pools }),
      isFaulted: state?.expiryMilliseconds !== undefined,
      routers: observation.routers.filter(({ isLive }) => isLive).length,
      ...(underWay === undefined ? {} : { underWay }),
      alarms,
    });
  const planned = isHolder ? plannedOf(drill).drill : undefined;
  const isPlanned =
    planned === undefined ? traffic?.drill?.key !== drillKey(uid) : jsonEquals(traffic?.drill, planned);
  const epoch = acknowledgedEpoch(observation);
  return {
    nowMilliseconds,
    isAcknowledged: isPlanned && epoch > 0 && epoch === traffic?.epoch,
    ...(obstacle === undefined ? {} : { obstacle }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(pools === undefined ? {} : { pools }),
    ...(probes?.drill === uid ? { record: probes.record } : {}),
  };
}

/** The prober speaks HTTP without TLS, and has no token. */
function unreachable({ deployment }: Observation): DrillObstacle | undefined {
  const { tls, authentication } = deployment.spec.traffic;
  return tls === undefined && authentication === undefined
    ? undefined
    : {
        reason: "ProbesRefused",
        message: "the prober has no certificate and no token: spec.traffic asks for one of them",
      };
}

/** The plan that stands, with nothing of a drill in it: what is left where nothing else is decided. */
export function withoutDrill(traffic: TrafficPlan): TrafficPlan {
  const { drill, ...plan } = traffic;
  return drill === undefined ? traffic : { ...plan, epoch: plan.epoch + 1 };
}
