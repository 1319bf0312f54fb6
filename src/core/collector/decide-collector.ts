/**
 * Decides about the collector of one namespace: it stands while a ModelDeployment there counts what becomes of its
 * predictions. Pure.
 *
 * Its Secret and its volume stay when it goes: what was counted under one key of users cannot go on under another, and
 * evidence is nobody's to delete but people's.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { RESOURCE, resourceOf } from "../../api/kube-resources.ts";
import type { QualitySpec } from "../../api/quality.ts";
import { labelOfMetric } from "../../api/quality-metrics.ts";
import { collectorObjects } from "../../render/collector.ts";
import { COLLECTOR_KEY } from "../../render/collector-names.ts";
import { collectorStorage, type Storage } from "../../render/collector-pods.ts";
import { labelLogSettings } from "../../render/label-logs.ts";
import type { RemoveIntent } from "../decision.ts";
import type { OperatorSettings } from "../observation.ts";
import {
  type FreshSecrets,
  keysFile,
  nextKeyChange,
  nextTokenKeys,
  signingRoot,
  type TokenKeys,
} from "./token-keys.ts";

/** A ModelDeployment whose predictions are counted. */
export interface CountedDeployment {
  readonly name: string;
  readonly uid: string;
  readonly quality: QualitySpec;
  /** Names of its model revisions. */
  readonly revisions: readonly string[];
}

/** What a decision about a namespace's collector depends on. */
export interface CollectorObservation {
  readonly namespace: string;
  readonly nowMilliseconds: number;
  /** Sorted by name. */
  readonly deployments: readonly CountedDeployment[];
  /** `KIND/NAME` of the collector's objects that stand, with their uids. */
  readonly standing: ReadonlyMap<string, string>;
  /** The keys that stand; absent when there are none. */
  readonly keys?: TokenKeys;
  /** Why the keys that stand cannot be read. */
  readonly keysProblem?: string;
  /** What new keys would be made of. */
  readonly fresh: FreshSecrets;
  /** What the standing collector's volume was asked for: that can never be changed. */
  readonly standingStorage?: Storage;
  readonly settings: OperatorSettings;
}

/** Makes the key of a model revision from a root; both in base64. */
export type DeriveKey = (root: string, deployment: string, revision: string, id: number) => string;

/** What to write. */
export interface CollectorDecision {
  /** Why nothing may be written, for people. */
  readonly problem?: string;
  readonly apply: readonly KubeObject[];
  readonly remove: readonly RemoveIntent[];
  /** When to look again though nothing changed, in milliseconds since the Unix epoch. */
  readonly wakeAtMilliseconds?: number;
}

const HOUR_MILLISECONDS = 3_600_000;
const LEAST_RETENTION_HOURS = 96;
/** Beyond the longest maturity: late labels are still told apart from forged ones. */
const RETENTION_GRACE_HOURS = 24;

/** How long labels are taken, in hours. */
export function retentionHours(deployments: readonly CountedDeployment[]): number {
  const maturities = deployments.flatMap(({ quality }) =>
    quality.labels.map(({ matures }) => Math.ceil(parseDurationMilliseconds(matures) / HOUR_MILLISECONDS)),
  );
  return Math.max(LEAST_RETENTION_HOURS, ...maturities.map((hours) => hours + RETENTION_GRACE_HOURS));
}

/** Decides about the collector of one namespace. */
export function decideCollector(observation: CollectorObservation, derive: DeriveKey): CollectorDecision {
  const { namespace, nowMilliseconds, deployments, settings, fresh, keysProblem } = observation;
  // New keys would put users into other groups, and refuse the labels of every token that is out.
  if (deployments.length > 0 && keysProblem !== undefined) {
    return { problem: keysProblem, apply: [], remove: [] };
  }
  const hours = retentionHours(deployments);
  const keys = nextTokenKeys(observation.keys, fresh, hours, nowMilliseconds);
  const pods = settings.collectorPods ?? {};
  const logs = deployments.flatMap(({ quality }) => quality.log ?? []);
  const objects = collectorObjects({
    namespace,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    pods,
    storage: observation.standingStorage ?? collectorStorage(pods),
    retentionHours: hours,
    logs,
    metricsScrapers: settings.metricsScrapers,
    ...(settings.operatorPods === undefined ? {} : { operatorPods: settings.operatorPods }),
    files: {
      [COLLECTOR_KEY.settings]: settingsFile(deployments),
      [COLLECTOR_KEY.keys]: keysFile(keys),
      [COLLECTOR_KEY.accessTokens]: `${keys.accessToken}\n`,
      ...revisionFiles(deployments, keys, nowMilliseconds, derive),
    },
  });
  if (deployments.length > 0) {
    return { apply: objects, remove: [], wakeAtMilliseconds: nextKeyChange(keys, hours, nowMilliseconds) };
  }
  const remove = objects.toReversed().flatMap((object) => {
    const uid = observation.standing.get(`${object.kind}/${object.metadata.name}`);
    if (uid === undefined || object.kind === RESOURCE.secret.kind) return [];
    return [{ reference: { resource: resourceOf(object), name: object.metadata.name, namespace }, uid }];
  });
  return { apply: [], remove };
}

/** As `petrel collect` reads it. */
function settingsFile(deployments: readonly CountedDeployment[]): string {
  const logs = deployments.filter(({ quality }) => quality.log !== undefined).length;
  const settings = deployments.map(({ name, uid, quality }) => ({
    name,
    uid,
    labels: quality.labels,
    metrics: quality.metrics.map((metric) => ({ ...metric, label: labelOfMetric(metric) })),
    ...(quality.anomalies === undefined
      ? {}
      : { anomalies: { falseAlarmEvery: quality.anomalies.falseAlarmEvery } }),
    ...(quality.log === undefined ? {} : { log: labelLogSettings(quality.log, uid, logs) }),
  }));
  return `${JSON.stringify({ deployments: settings })}\n`;
}

/** For each model revision the key that it signs with, and no other. */
function revisionFiles(
  deployments: readonly CountedDeployment[],
  keys: TokenKeys,
  now: number,
  derive: DeriveKey,
): Readonly<Record<string, string>> {
  const root = signingRoot(keys, now);
  if (root === undefined) return {};
  const files = deployments.flatMap(({ uid, revisions }) =>
    revisions.map((revision) => {
      const key = {
        deployment: uid,
        revision,
        id: root.id,
        secret: derive(root.secret, uid, revision, root.id),
      };
      return [COLLECTOR_KEY.ofRevision(revision), `${JSON.stringify({ users: keys.users, keys: [key] })}\n`];
    }),
  );
  return Object.fromEntries(files);
}
