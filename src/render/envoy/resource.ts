/**
 * The form of what Envoy reads: JSON of its protobuf messages, and files that hold a list of resources.
 *
 * Everything in this folder is pure: a value in, JSON out. A version is a hash of the content, so that equal
 * content is never written, nor loaded by Envoy, twice.
 */
import { contentHash } from "../../api/content-hash.ts";

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** A JSON object: a protobuf message in its JSON form, with the field names of Envoy's own reference. */
export interface JsonObject {
  readonly [field: string]: Json;
}

/** A message inside a `google.protobuf.Any`. */
export interface TypedMessage extends JsonObject {
  readonly "@type": string;
}

/** Type URLs of the resources that Petrel writes. */
export const TYPE_URL = {
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
} as const;

/** The content of one file that Envoy watches, and the version under which Envoy reports it. */
export interface ResourceFile {
  readonly version: string;
  /** JSON of a `DiscoveryResponse`. */
  readonly content: string;
}

/**
 * A file with resources of one type.
 *
 * @param ordinal stands in front of the hash in the version; two ordinals make two files of equal content.
 */
export function resourceFile(resources: readonly TypedMessage[], ordinal?: number): ResourceFile {
  const hash = contentHash(resources);
  const version = ordinal === undefined ? hash : `${ordinal}.${hash}`;
  return { version, content: `${JSON.stringify({ version_info: version, resources })}\n` };
}

/** A `google.protobuf.Duration` in JSON. */
export function protoDuration(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(9).replace(/\.?0+$/, "")}s`;
}

/** A `ConfigSource` for a file that is renamed into its place whenever it changes. */
export function fileSource(path: string): JsonObject {
  return { path_config_source: { path }, resource_api_version: "V3" };
}

/** Sets a header, whatever was there: a `HeaderValueOption`. */
export function setHeader(key: string, value: string): JsonObject {
  return { header: { key, value }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" };
}
