/**
 * The order in which a configuration gets into Envoy: endpoints and clusters; when those are warm, routes and
 * listeners; when Envoy has taken these, the removal of what nobody needs any more.
 *
 * One pure step: from what is wanted and what Envoy reports to what the files are to hold now and which plan
 * is in effect. It may be run at any moment and any number of times. A ModelDeployment whose plan Envoy refuses
 * keeps what it had, and no other one notices.
 */

import type { TrafficArm, TrafficPlan } from "../api/traffic-plan.ts";
import type { ResourceFile } from "../render/envoy/resource.ts";
import type { RenderSettings } from "../render/envoy/traffic-configuration.ts";
import {
  clusterContents,
  endpointFiles,
  listenerContents,
  ownersIn,
  resourceNamesIn,
  secretFilesOf,
} from "./configuration-contents.ts";
import type { EnvoyReport } from "./envoy-report.ts";
import { mapValues, presentValues } from "./map-values.ts";
import {
  adopt,
  advance,
  clusteredTraffic,
  type DesiredTraffic,
  forgetWhenGone,
  type KnownPlans,
  NEW_PROGRESS,
  newProgress,
  nextDeadline,
  type PlannedTraffic,
  type Progress,
  publishedTraffic,
  refusePublished,
  refuseTarget,
  targetOf,
} from "./progress.ts";
import { isAccepted, isAtRest, newSharedFile, type SharedFile, stepSharedFile } from "./shared-file.ts";

/** What the API wants, by name of the ModelDeployment. */
export type DesiredConfiguration = ReadonlyMap<string, DesiredTraffic>;

/** Where everything stands. */
export interface SequenceState {
  readonly progress: ReadonlyMap<string, Progress>;
  readonly clusters: SharedFile;
  readonly listeners: SharedFile;
}

/** What the files are to hold. They are written in the order of the fields; removed in the opposite one. */
export interface ConfigurationFiles {
  /** By cluster. */
  readonly endpoints: ReadonlyMap<string, ResourceFile>;
  /** Clusters that Envoy may still know: their endpoint files stay. */
  readonly knownClusters: ReadonlySet<string>;
  readonly clusters: ResourceFile;
  /** By name. They tell where certificates lie. */
  readonly secrets: ReadonlyMap<string, ResourceFile>;
  /** By ModelDeployment. */
  readonly routes: ReadonlyMap<string, ResourceFile>;
  /** ModelDeployments whose listener Envoy may still know: their route files stay. */
  readonly knownListeners: ReadonlySet<string>;
  readonly listeners: ResourceFile;
}

/** An arm of the plan in effect. */
export interface ServedArm extends Pick<TrafficArm, "name" | "weight"> {
  readonly revision: string;
}

/** How Envoy stands towards one ModelDeployment. */
export interface Acknowledgement {
  /** The plan in effect; absent before the first. */
  readonly serving?: { readonly epoch: number; readonly port: number; readonly isTls?: true };
  /** Its arms, with the model revision of each: that of its first pool. */
  readonly arms?: readonly ServedArm[];
  /** Why the newest plan is not in effect. */
  readonly rejection?: string;
  /** What is wrong with a Secret or ConfigMap that the newest plan waits for. */
  readonly credentialProblem?: string;
  /** Whether Envoy takes connections on the port; absent while Envoy does not answer. */
  readonly isListening?: boolean;
}

/** Result of {@link nextStep}. */
export interface SequenceStep {
  readonly state: SequenceState;
  readonly files: ConfigurationFiles;
  /** For each ModelDeployment that has a plan, or had one. */
  readonly acknowledgements: ReadonlyMap<string, Acknowledgement>;
  /** Envoy has taken all that can be taken: nothing moves before a change or {@link wakeAt}. */
  readonly isSettled: boolean;
  /** When time alone changes something: monotonic milliseconds, or infinity. */
  readonly wakeAt: number;
}

const CLUSTERS_REFUSED = "Envoy refused the clusters; its log says why";

/**
 * The state of a router that starts.
 *
 * @param known what an earlier run left: see {@link knownPlans}.
 * @param now monotonic milliseconds.
 */
export function newSequence(
  known: ReadonlyMap<string, KnownPlans<PlannedTraffic>>,
  now: number,
): SequenceState {
  const serving = presentValues(mapValues(known, (plans) => plans.serving));
  return {
    progress: mapValues(known, (plans) => newProgress(plans, now)),
    clusters: newSharedFile(clusterContents(mapValues(serving, (traffic) => [traffic]))),
    listeners: newSharedFile(listenerContents(serving)),
  };
}

/**
 * One step. `report` is absent while Envoy does not answer: files are still prepared, for the Envoy to come.
 *
 * @param now monotonic milliseconds.
 */
export function nextStep(
  state: SequenceState,
  desired: DesiredConfiguration,
  report: EnvoyReport | undefined,
  settings: Pick<RenderSettings, "ports">,
  now: number,
): SequenceStep {
  const owners = ownersIn(state.listeners);
  // What an earlier run published is in no file that this one knows.
  const mayListen = (name: string) => state.listeners.isUncertain || owners.has(name);
  let progress = mapValues(adoptAll(state.progress, desired, mayListen, now), (entry, name) =>
    forgetWhenGone(entry, mayListen(name), now),
  );
  const clusters = stepSharedFile(
    state.clusters,
    clusterContents(mapValues(progress, clusteredTraffic)),
    report?.clusters,
    now,
  );
  progress = change(progress, clusters.refused, (entry) => refuseTarget(entry, CLUSTERS_REFUSED, now));

  const clustered = mapValues(progress, clusteredTraffic);
  const endpoints = endpointFiles(clustered, desired, settings);
  if (report !== undefined) {
    const wanted = {
      clusters: clusterContents(clustered),
      listeners: listenerContents(publishedIn(progress, now)),
    };
    progress = mapValues(progress, (entry, name) => {
      const surroundings = {
        report,
        clustersAreAccepted: isAccepted(clusters.state, name, wanted.clusters),
        listenerIsAccepted: isAccepted(state.listeners, name, wanted.listeners),
        endpointVersion: (cluster: string) => endpoints.get(cluster)?.version,
        endpoints: desired.get(name)?.endpoints ?? [],
      };
      return advance(entry, surroundings, now);
    });
  }

  const listeners = stepSharedFile(
    state.listeners,
    listenerContents(publishedIn(progress, now)),
    report?.listeners,
    now,
  );
  progress = change(progress, listeners.refused, (entry, name) => {
    const details = report?.listenerErrors.get(name) ?? "its log says why";
    return refusePublished(entry, `Envoy refused the listener: ${details}`, now);
  });

  const known = { clusters: ownersIn(clusters.state), listeners: ownersIn(listeners.state) };
  progress = new Map(
    [...progress].filter(
      ([name]) =>
        desired.has(name) ||
        known.clusters.has(name) ||
        known.listeners.has(name) ||
        clustered.get(name)?.length !== 0,
    ),
  );
  return {
    state: { progress, clusters: clusters.state, listeners: listeners.state },
    files: {
      endpoints,
      knownClusters: resourceNamesIn(clusters.state),
      clusters: clusters.file,
      secrets: secretFilesOf(listeners.state),
      routes: mapValues(publishedIn(progress, now), ({ configuration }) => configuration.routes),
      knownListeners: known.listeners,
      listeners: listeners.file,
    },
    acknowledgements: presentValues(
      mapValues(desired, (wanted, name) =>
        acknowledgementOf(name, progress.get(name) ?? NEW_PROGRESS, wanted, report),
      ),
    ),
    isSettled:
      isAtRest(clusters.state) &&
      isAtRest(listeners.state) &&
      [...progress.values()].every(isAtItsTarget) &&
      [...endpoints].every(([name, { version }]) => report?.endpoints.get(name)?.version === version),
    wakeAt: Math.min(
      ...[...progress.values()].map((entry) => nextDeadline(entry, now)),
      ...[clusters.state, listeners.state].map(({ trial }) => trial?.repeatAt ?? Number.POSITIVE_INFINITY),
    ),
  };
}

/** The plans to which Envoy leads once the files are written, for the next run of the router. */
export function knownPlans({ progress }: SequenceState): ReadonlyMap<string, KnownPlans<TrafficPlan>> {
  return presentValues(
    mapValues(progress, ({ serving, publishing, retired }) => {
      const others = [...(publishing === undefined ? [] : [publishing]), ...retired].map(
        ({ traffic }) => traffic.plan,
      );
      if (serving === undefined) return others.length === 0 ? undefined : { others };
      return { serving: serving.plan, others };
    }),
  );
}

type ProgressByName = ReadonlyMap<string, Progress>;

function adoptAll(
  before: ProgressByName,
  desired: DesiredConfiguration,
  mayListen: (name: string) => boolean,
  now: number,
): ProgressByName {
  const names = [...new Set([...before.keys(), ...desired.keys()])].sort();
  return new Map(
    names.map((name) => [
      name,
      adopt(before.get(name) ?? NEW_PROGRESS, desired.get(name), mayListen(name), now),
    ]),
  );
}

function change(
  progress: ProgressByName,
  name: string | undefined,
  apply: (entry: Progress, name: string) => Progress,
): ProgressByName {
  const entry = name === undefined ? undefined : progress.get(name);
  return name === undefined || entry === undefined
    ? progress
    : new Map(progress).set(name, apply(entry, name));
}

function publishedIn(progress: ProgressByName, now: number): ReadonlyMap<string, PlannedTraffic> {
  return presentValues(mapValues(progress, (entry) => publishedTraffic(entry, now)));
}

function isAtItsTarget(entry: Progress): boolean {
  return entry.publishing === undefined && targetOf(entry) === undefined;
}

function acknowledgementOf(
  name: string,
  { serving, wanted, refusal }: Progress,
  { invalid, credentialProblem }: DesiredTraffic,
  report: EnvoyReport | undefined,
): Acknowledgement | undefined {
  if ([serving, wanted, invalid, credentialProblem].every((each) => each === undefined)) return undefined;
  const isRefused = refusal !== undefined && wanted !== undefined && refusal.version === wanted.version;
  const rejection = invalid ?? (isRefused ? refusal.reason : undefined);
  return {
    ...(serving === undefined ? {} : { serving: servingOf(serving.plan), arms: armsOf(serving.plan) }),
    ...(rejection === undefined ? {} : { rejection }),
    ...(credentialProblem === undefined ? {} : { credentialProblem }),
    ...(report === undefined ? {} : { isListening: report.activeListeners.has(name) }),
  };
}

function armsOf({ arms }: TrafficPlan): readonly ServedArm[] {
  return arms.map(({ name, weight, pools: [first] }) => ({ name, weight, revision: first?.revision ?? "" }));
}

function servingOf({ epoch, port, tls }: TrafficPlan): NonNullable<Acknowledgement["serving"]> {
  return { epoch, port, ...(tls === undefined ? {} : { isTls: true }) };
}
