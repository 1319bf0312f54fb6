/**
 * How far one ModelDeployment has come on its way into Envoy: wanted, warming, published, serving, retired.
 *
 * A plan passes each stage only on Envoy's own report. One that Envoy refuses goes back to where it came from
 * and the plan that serves stays, with its routes, its listener and its clusters. Pure.
 */

import { contentHash } from "../api/content-hash.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import type { ModelServerEndpoint } from "../render/envoy/endpoints.ts";
import {
  type RenderSettings,
  renderTraffic,
  type TrafficConfiguration,
} from "../render/envoy/traffic-configuration.ts";
import { type EnvoyReport, UNREAD } from "./envoy-report.ts";

/** A traffic plan and what Envoy is to make of it. */
export interface PlannedTraffic {
  readonly plan: TrafficPlan;
  /** Names the plan, by its whole content: whoever wrote it may have counted its epochs anew. */
  readonly version: string;
  readonly configuration: TrafficConfiguration;
}

/** What the API wants for one ModelDeployment. */
export interface DesiredTraffic {
  /** Absent when there is no plan, or none that can be read: then the last one stays. */
  readonly traffic?: PlannedTraffic;
  /** Why the plan cannot be read. */
  readonly invalid?: string;
  /** What is wrong with a Secret or ConfigMap that the plan needs: until it is mended, the last plan stays. */
  readonly credentialProblem?: string;
  /** Model servers that may get requests, of all its pools and revisions. */
  readonly endpoints: readonly ModelServerEndpoint[];
}

/** That Envoy refused a plan, and why. */
export interface PlanRefusal {
  /** Version of the plan. */
  readonly version: string;
  readonly reason: string;
  /** Some reasons pass, such as a port in use. Monotonic milliseconds. */
  readonly retryAt: number;
}

/** A plan whose requests may still be under way. */
export interface RetiredTraffic {
  readonly traffic: PlannedTraffic;
  /** Its clusters are kept until then, in monotonic milliseconds. */
  readonly until: number;
}

/** A plan whose routes and listener are written, and not yet both taken by Envoy. Carried to its end. */
export interface Publication {
  readonly traffic: PlannedTraffic;
  /** Refusals of routes that Envoy had counted before. */
  readonly refusalsBefore: number;
  /** Reports since then in which Envoy had nothing to say to it. */
  readonly silentReports: number;
}

/** Where one ModelDeployment stands. */
export interface Progress {
  /** The newest plan that could be read. */
  readonly wanted?: PlannedTraffic;
  readonly publishing?: Publication;
  /** The plan that is in effect: Envoy has said so. */
  readonly serving?: PlannedTraffic;
  readonly retired: readonly RetiredTraffic[];
  readonly refusal?: PlanRefusal;
  /** When the ModelDeployment was first seen gone; monotonic milliseconds. */
  readonly leavingSince?: number;
}

/** Renders a valid plan. */
export function renderPlan(
  modelDeployment: string,
  plan: TrafficPlan,
  settings: Pick<RenderSettings, "layout" | "address">,
): PlannedTraffic {
  const configuration = renderTraffic(modelDeployment, plan, settings);
  return { plan, version: `${plan.epoch}.${contentHash(plan)}`, configuration };
}

/** Plans of one ModelDeployment to which Envoy leads, or may lead. */
export interface KnownPlans<Plan> {
  /** The plan that is in effect; absent before the first. */
  readonly serving?: Plan;
  /** What is being published, and what requests under way may still need. */
  readonly others: readonly Plan[];
}

/** Nothing is known yet, except what an earlier run of the router left. */
export function newProgress({ serving, others }: KnownPlans<PlannedTraffic>, now: number): Progress {
  const retired = others.map((traffic) => retire(traffic, now));
  return { retired, ...(serving === undefined ? {} : { serving }) };
}

/** Nothing is known. */
export const NEW_PROGRESS: Progress = { retired: [] };

/** What {@link advance} may know of the rest of the configuration. */
export interface Surroundings {
  readonly report: EnvoyReport;
  /** Whether the clusters file with all of this plan's clusters has been taken. */
  readonly clustersAreAccepted: boolean;
  /** Whether the listeners file with the listener of the published plan has been taken. */
  readonly listenerIsAccepted: boolean;
  /** Version of the endpoint file of a cluster. */
  readonly endpointVersion: (cluster: string) => string | undefined;
  /** Model servers of all pools and revisions. */
  readonly endpoints: readonly ModelServerEndpoint[];
}

/** After a plan left the routes, requests that it sent may be retried as long as its time-out, and some more. */
const RETIREMENT_GRACE_MILLISECONDS = 5_000;
/** After a ModelDeployment went, time for its EndpointSlices to go everywhere. */
const LISTENER_GRACE_MILLISECONDS = 5_000;
/** After a listener went, time for its connections to end. */
const CLUSTER_GRACE_MILLISECONDS = 30_000;
const REFUSAL_RETRY_MILLISECONDS = 30_000;

/** So many reports without a word, and Envoy will say nothing more: it had refused the same routes before. */
const MAXIMUM_SILENT_REPORTS = 100;

const ROUTES_REFUSED = "Envoy refused the routes; its log says why";
const ROUTES_IGNORED = "Envoy did not take routes and listener in time; its log may say why";

/**
 * Takes in what the API wants now.
 *
 * @param desired absent when the ModelDeployment is gone.
 * @param isListening whether Envoy may still have the listener: its requests need the clusters.
 */
export function adopt(
  progress: Progress,
  desired: DesiredTraffic | undefined,
  isListening: boolean,
  now: number,
): Progress {
  const { leavingSince = now, refusal, ...rest } = progress;
  // A listener without a plan is on its way out, which may take long. It leads to what was published last.
  const leadsToRetired = isListening && rest.serving === undefined && rest.publishing === undefined;
  const retired = progress.retired.filter(({ until }) => until > now || leadsToRetired);
  if (desired === undefined) {
    const { wanted: _wanted, publishing, ...left } = rest;
    const abandoned = publishing === undefined ? [] : [retire(publishing.traffic, now)];
    return { ...left, retired: [...retired, ...abandoned], leavingSince };
  }
  const isCurrent = refusal !== undefined && refusal.retryAt > now;
  return {
    ...rest,
    retired,
    ...(desired.traffic === undefined ? {} : { wanted: desired.traffic }),
    ...(isCurrent ? { refusal } : {}),
  };
}

/** The plan that is still to be brought into effect. */
export function targetOf({ wanted, serving, refusal }: Progress): PlannedTraffic | undefined {
  if (wanted === undefined) return undefined;
  return [serving?.version, refusal?.version].includes(wanted.version) ? undefined : wanted;
}

/** Moves on as far as Envoy's report allows. */
export function advance(progress: Progress, surroundings: Surroundings, now: number): Progress {
  const { publishing } = progress;
  return publishing === undefined
    ? publishWhenWarm(progress, surroundings)
    : judgePublished(progress, publishing, surroundings, now);
}

/** Gives up the plan whose clusters Envoy refused. `reason` is for people. */
export function refuseTarget(progress: Progress, reason: string, now: number): Progress {
  const target = targetOf(progress);
  return target === undefined ? progress : { ...progress, refusal: refusalOf(target, reason, now) };
}

/** Takes back the plan whose routes or listener Envoy refused. `reason` is for people. */
export function refusePublished(progress: Progress, reason: string, now: number): Progress {
  const { publishing, ...rest } = progress;
  if (publishing === undefined) return progress;
  const { traffic } = publishing;
  // Envoy may have taken a part of it for a moment, so its clusters stay a while.
  const retired = [...progress.retired, retire(traffic, now)];
  return { ...rest, retired, refusal: refusalOf(traffic, reason, now) };
}

/** The plan whose routes and listener belong into the files now. */
export function publishedTraffic(progress: Progress, now: number): PlannedTraffic | undefined {
  const { leavingSince, publishing, serving } = progress;
  const hasLeft = leavingSince !== undefined && now >= leavingSince + LISTENER_GRACE_MILLISECONDS;
  return hasLeft ? undefined : (publishing?.traffic ?? serving);
}

/** All plans whose clusters belong into the files now, the newest first. */
export function clusteredTraffic(progress: Progress): readonly PlannedTraffic[] {
  const { publishing, serving, retired } = progress;
  const plans = [targetOf(progress), publishing?.traffic, serving, ...retired.map(({ traffic }) => traffic)];
  return plans.filter((traffic) => traffic !== undefined);
}

/**
 * Forgets what a ModelDeployment that is gone had, once nothing can need its clusters any more. One that comes
 * back under its name then begins anew: what had served has no clusters to lead to.
 *
 * @param isListening whether Envoy may still have the listener: its requests need the clusters.
 */
export function forgetWhenGone(progress: Progress, isListening: boolean, now: number): Progress {
  const { leavingSince } = progress;
  const grace = LISTENER_GRACE_MILLISECONDS + CLUSTER_GRACE_MILLISECONDS;
  if (leavingSince === undefined || now < leavingSince + grace || isListening) return progress;
  return { retired: [], leavingSince };
}

/** The next moment at which time alone changes something; monotonic milliseconds. */
export function nextDeadline({ retired, refusal, leavingSince }: Progress, now: number): number {
  const leaving =
    leavingSince === undefined
      ? []
      : [
          leavingSince + LISTENER_GRACE_MILLISECONDS,
          leavingSince + LISTENER_GRACE_MILLISECONDS + CLUSTER_GRACE_MILLISECONDS,
        ];
  const deadlines = [...retired.map(({ until }) => until), ...leaving, refusal?.retryAt ?? now];
  return Math.min(...deadlines.filter((deadline) => deadline > now));
}

function publishWhenWarm(progress: Progress, surroundings: Surroundings): Progress {
  const { report, clustersAreAccepted, endpointVersion, endpoints } = surroundings;
  const target = targetOf(progress);
  if (target === undefined || !clustersAreAccepted) return progress;
  // Plan and endpoints come by watches of their own: a plan may be here before the pods that it was made for.
  const losesPods = !leadsToPods(target, endpoints) && leadsToPods(progress.serving, endpoints);
  if (losesPods) return progress;
  const { modelDeployment, clusters } = target.configuration;
  const isWarm = clusters.every(
    ({ name }) =>
      report.activeClusters.has(name) && report.endpoints.get(name)?.version === endpointVersion(name),
  );
  if (!isWarm) return progress;
  const { refusals } = report.routes.get(modelDeployment) ?? UNREAD;
  return { ...progress, publishing: { traffic: target, refusalsBefore: refusals, silentReports: 0 } };
}

/** Whether every arm that gets requests has a pod for them. */
function leadsToPods(
  traffic: PlannedTraffic | undefined,
  endpoints: readonly ModelServerEndpoint[],
): boolean {
  if (traffic === undefined) return false;
  return traffic.plan.arms.every(
    ({ weight, pools }) =>
      weight === 0 ||
      endpoints.some(({ pool, revision }) =>
        pools.some((planned) => planned.pool === pool && planned.revision === revision),
      ),
  );
}

function judgePublished(
  progress: Progress,
  publication: Publication,
  { report, listenerIsAccepted }: Surroundings,
  now: number,
): Progress {
  const { publishing: _publishing, refusal: _refusal, ...rest } = progress;
  const { traffic, refusalsBefore, silentReports } = publication;
  const { modelDeployment } = traffic.configuration;
  const routes = report.routes.get(modelDeployment) ?? UNREAD;
  const isTaken = routes.version === traffic.configuration.routes.version;
  if (isTaken && listenerIsAccepted && report.activeListeners.has(modelDeployment)) {
    const former = progress.serving === undefined ? [] : [retire(progress.serving, now)];
    return { ...rest, serving: traffic, retired: [...progress.retired, ...former] };
  }
  // A count below the earlier one is that of an Envoy that has started anew.
  const before = routes.refusals < refusalsBefore ? 0 : refusalsBefore;
  if (!isTaken && routes.refusals > before) return refusePublished(progress, ROUTES_REFUSED, now);
  if (silentReports >= MAXIMUM_SILENT_REPORTS) return refusePublished(progress, ROUTES_IGNORED, now);
  return { ...progress, publishing: { ...publication, silentReports: silentReports + 1 } };
}

function refusalOf(traffic: PlannedTraffic, reason: string, now: number): PlanRefusal {
  return { version: traffic.version, reason, retryAt: now + REFUSAL_RETRY_MILLISECONDS };
}

function retire(traffic: PlannedTraffic, now: number): RetiredTraffic {
  return { traffic, until: now + traffic.configuration.timeoutMilliseconds + RETIREMENT_GRACE_MILLISECONDS };
}
