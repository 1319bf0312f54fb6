/**
 * Reads what a decision about a namespace's collector depends on.
 */
import { randomBytes } from "node:crypto";
import { Compile } from "typebox/compile";
import { asList, asString, parseJson, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { type QualitySpec, qualitySchema } from "../api/quality.ts";
import type { CollectorObservation, CountedDeployment } from "../core/collector/decide-collector.ts";
import { readTokenKeys } from "../core/collector/token-keys.ts";
import type { OperatorSettings } from "../core/observation.ts";
import type { KubePort } from "../kube/port.ts";
import { COLLECTOR_KEY, COLLECTOR_NAME } from "../render/collector-names.ts";
import type { Storage } from "../render/collector-pods.ts";
import { type Caches, ownerKey } from "./caches.ts";
import { collectorSecret, secretText } from "./collector-secret.ts";
import { type Gathered, liveKey } from "./gather.ts";
import { modelRevisionIn } from "./projections/child.ts";
import { countsAnswers, metadataOf, type ReadModelDeployment } from "./projections/model-deployment.ts";

const SECRET_BYTES = 32;
const qualityCheck = Compile(qualitySchema);

/** Gathers it. Rejects when the API does not tell of the Secret. */
export async function gatherCollector(
  caches: Caches,
  port: Pick<KubePort, "get">,
  namespace: string,
  settings: OperatorSettings,
  nowMilliseconds: number,
): Promise<Gathered<CollectorObservation>> {
  const live = new Map<string, KubeObject>();
  for (const cache of caches.children.values()) {
    for (const { object } of cache.byIndex("collectorOf", namespace)) {
      if (object.metadata.deletionTimestamp === undefined) live.set(liveKey(object), object);
    }
  }
  const reads = caches.modelDeployments.byIndex("namespace", namespace).filter(countsAnswers);
  const secret = reads.length === 0 ? undefined : await collectorSecret(port, namespace);
  const deployments = reads
    .flatMap((read) => countedDeployment(read, secret) ?? [])
    .map((counted) => ({ ...counted, revisions: revisionsOf(caches, namespace, counted.name) }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  if (secret !== undefined) live.set(liveKey(secret), secret);
  const standingStorage = storageIn(live.get(`${RESOURCE.statefulSet.kind}/${COLLECTOR_NAME}`));
  const observation = {
    namespace,
    nowMilliseconds,
    deployments,
    standing: new Map([...live].map(([key, { metadata }]) => [key, metadata.uid ?? ""])),
    ...keysIn(secret),
    fresh: { users: freshSecret(), root: freshSecret(), accessToken: freshSecret() },
    ...(standingStorage === undefined ? {} : { standingStorage }),
    settings,
  };
  return { observation, live };
}

/** What is counted of a ModelDeployment: as its spec says, or else as it stands. */
function countedDeployment(
  read: ReadModelDeployment,
  secret: KubeObject | undefined,
): Omit<CountedDeployment, "revisions"> | undefined {
  const { name, uid = "" } = metadataOf(read);
  const quality = read.deployment?.spec.quality ?? standingQuality(secret, uid);
  return quality === undefined ? undefined : { name, uid, quality };
}

/** What the collector is told now of a ModelDeployment. */
function standingQuality(secret: KubeObject | undefined, uid: string): QualitySpec | undefined {
  const settings = parseJson(secretText(secret, COLLECTOR_KEY.settings));
  const entry = asList(valueAt(settings, "deployments")).find((each) => valueAt(each, "uid") === uid);
  const quality = { labels: valueAt(entry, "labels"), metrics: valueAt(entry, "metrics") };
  return qualityCheck.Check(quality) ? quality : undefined;
}

function revisionsOf(caches: Caches, namespace: string, name: string): readonly string[] {
  const children = caches.children.get(RESOURCE.controllerRevision.kind);
  return (children?.byIndex("modelDeployment", ownerKey(namespace, name)) ?? [])
    .flatMap((child) => modelRevisionIn(child)?.name ?? [])
    .toSorted();
}

function keysIn(secret: KubeObject | undefined): Pick<CollectorObservation, "keys" | "keysProblem"> {
  if (secret === undefined) return {};
  const keys = readTokenKeys(
    secretText(secret, COLLECTOR_KEY.keys),
    secretText(secret, COLLECTOR_KEY.accessTokens),
  );
  if (keys !== undefined) return { keys };
  return {
    keysProblem: `expected the Secret ${COLLECTOR_NAME} to hold keys in ${COLLECTOR_KEY.keys} and a token in ${COLLECTOR_KEY.accessTokens}, got something else; put back what it held, or delete it to begin with new keys, under which nothing that was counted goes on`,
  };
}

function storageIn(statefulSet: KubeObject | undefined): Storage | undefined {
  const templates = valueAt(statefulSet, "spec", "volumeClaimTemplates");
  const claim: unknown = Array.isArray(templates) ? templates[0] : undefined;
  const size = asString(valueAt(claim, "spec", "resources", "requests", "storage"));
  const className = asString(valueAt(claim, "spec", "storageClassName"));
  if (size === undefined) return undefined;
  return { size, ...(className === undefined ? {} : { className }) };
}

function freshSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64");
}
