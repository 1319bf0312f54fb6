/**
 * What belongs into the files, from the plans that need it: clusters, listeners, endpoints. Pure.
 */
import type { ModelServerEndpoint } from "../render/envoy/endpoints.ts";
import type { ResourceFile } from "../render/envoy/resource.ts";
import {
  endpointFile,
  type PlannedCluster,
  type RenderSettings,
} from "../render/envoy/traffic-configuration.ts";
import { mapValues } from "./map-values.ts";
import type { DesiredTraffic, PlannedTraffic } from "./progress.ts";
import { type Contents, knownContents, type OwnedResources, type SharedFile } from "./shared-file.ts";

/** Plans that need their clusters, the newest first, by name of the ModelDeployment. */
export type ClusteredTraffic = ReadonlyMap<string, readonly PlannedTraffic[]>;

/** The clusters of all these plans. */
export function clusterContents(clustered: ClusteredTraffic): Contents {
  const contents = mapValues(clustered, ownedClusters);
  return new Map([...contents].filter(([, { resources }]) => resources.length > 0));
}

/** The listeners of the plans that are published. */
export function listenerContents(published: ReadonlyMap<string, PlannedTraffic>): Contents {
  return mapValues(published, ({ configuration: { listener, faultListener, listenerHash, secrets } }) => ({
    hash: listenerHash,
    resources: faultListener === undefined ? [listener] : [listener, faultListener],
    secrets,
  }));
}

/** The endpoint files of all clusters of these plans, by cluster, for the pods that there are. */
export function endpointFiles(
  clustered: ClusteredTraffic,
  desired: ReadonlyMap<string, DesiredTraffic>,
  settings: Pick<RenderSettings, "ports">,
): ReadonlyMap<string, ResourceFile> {
  const files = new Map<string, ResourceFile>();
  for (const [name, plans] of clustered) {
    const endpoints = desired.get(name)?.endpoints ?? NO_ENDPOINTS;
    for (const cluster of clustersOf(plans).values()) {
      files.set(cluster.name, endpointFile(cluster, endpoints, settings));
    }
  }
  return files;
}

/** One object, so that what is rendered from it is rendered once. */
const NO_ENDPOINTS: readonly ModelServerEndpoint[] = [];

/** ModelDeployments of which Envoy may have read something in the file. */
export function ownersIn(file: SharedFile): ReadonlySet<string> {
  return new Set(knownContents(file).flatMap((contents) => [...contents.keys()]));
}

/** The files, by name, that resources of which Envoy may have read refer to. */
export function secretFilesOf(file: SharedFile): ReadonlyMap<string, ResourceFile> {
  const owned = knownContents(file).flatMap((contents) => [...contents.values()]);
  return new Map(owned.flatMap(({ secrets = [] }) => secrets.map((secret) => [secret.name, secret.file])));
}

/** Names of the resources that Envoy may have read in the file. */
export function resourceNamesIn(file: SharedFile): ReadonlySet<string> {
  const owned = knownContents(file).flatMap((contents) => [...contents.values()]);
  return new Set(owned.flatMap(({ resources }) => resources.map(({ name }) => String(name))));
}

function clustersOf(plans: readonly PlannedTraffic[]): ReadonlyMap<string, PlannedCluster> {
  const clusters = plans.flatMap(({ configuration }) => configuration.clusters);
  // Plans of one ModelDeployment share clusters. The newest one knows best how many replicas are needed.
  return new Map(clusters.toReversed().map((cluster) => [cluster.name, cluster]));
}

function ownedClusters(plans: readonly PlannedTraffic[]): OwnedResources {
  const clusters = [...clustersOf(plans)].sort(([left], [right]) => (left < right ? -1 : 1));
  return {
    // A name holds a hash of all that stands under it, so names tell the content.
    hash: clusters.map(([name]) => name).join(" "),
    resources: clusters.map(([, { resource }]) => resource),
  };
}
