/**
 * What Envoy says of its own configuration, read from the answers of its administration.
 *
 * Files carry no acknowledgement, so this is the only proof that a configuration is in effect. What cannot be
 * understood is an error: nothing may count as acknowledged by accident.
 */

import { asList, asRecord, type JsonRecord, valueAt } from "../api/json.ts";
import { METRICS_LISTENER } from "../render/envoy/bootstrap.ts";

/** What Envoy made of one file. */
export interface FileReport {
  /** Version of the last file that Envoy took as a whole; empty before the first. */
  readonly version: string;
  /** Files that Envoy refused, wholly or in part, since it started. */
  readonly refusals: number;
}

/** The state of Envoy's configuration at one moment. */
export interface EnvoyReport {
  readonly clusters: FileReport;
  readonly listeners: FileReport;
  /** By ModelDeployment. Missing until a listener has asked for the routes. */
  readonly routes: ReadonlyMap<string, FileReport>;
  /** By cluster. */
  readonly endpoints: ReadonlyMap<string, FileReport>;
  /** Names of the clusters that are warm and may get requests. */
  readonly activeClusters: ReadonlySet<string>;
  /** Names of the listeners that take connections, and are not about to be replaced. */
  readonly activeListeners: ReadonlySet<string>;
  /** Why a listener was refused, by name. */
  readonly listenerErrors: ReadonlyMap<string, string>;
}

/** No file has been read. */
export const UNREAD: FileReport = { version: "", refusals: 0 };

/** An answer of Envoy's administration had another form than expected. */
export class EnvoyReportError extends Error {
  override readonly name = "EnvoyReportError";
}

/** Paths of the administration whose answers {@link parseEnvoyReport} takes, in its order. */
export const REPORT_PATHS = {
  stats: `/stats?format=json&filter=${encodeURIComponent("\\.(version_text|update_rejected|update_failure)$")}`,
  clusters: "/config_dump?resource=dynamic_active_clusters&mask=cluster.name",
  listeners:
    "/config_dump?resource=dynamic_listeners&mask=name,active_state.version_info,warming_state.version_info,error_state.details",
} as const;

/** Reads the answers to {@link REPORT_PATHS}, each parsed from JSON. */
export function parseEnvoyReport(answers: Readonly<Record<keyof typeof REPORT_PATHS, unknown>>): EnvoyReport {
  const files = parseFileReports(answers.stats);
  const listeners = members(answers.listeners, "configs", "listeners");
  const settled = listeners.filter((entry) => entry["active_state"] && !entry["warming_state"]);
  return {
    clusters: files.get("cluster_manager.cds") ?? UNREAD,
    listeners: files.get("listener_manager.lds") ?? UNREAD,
    routes: select(files, /^http\.([^.]+)\.rds\.\1$/),
    endpoints: select(files, /^cluster\.([^.]+)$/),
    activeClusters: new Set(
      members(answers.clusters, "configs", "clusters").map((entry) =>
        text(valueAt(entry, "cluster", "name")),
      ),
    ),
    activeListeners: new Set(settled.map((entry) => text(entry["name"]))),
    listenerErrors: new Map(
      listeners.flatMap((entry) =>
        entry["error_state"] && typeof entry["name"] === "string"
          ? [[entry["name"], text(valueAt(entry, "error_state", "details"))] as const]
          : [],
      ),
    ),
  };
}

/** Path of the administration whose answer {@link parseActiveRequests} takes. */
export const ACTIVE_REQUESTS_PATH = `/stats?format=json&filter=${encodeURIComponent("^http\\.[^.]+\\.downstream_rq_active$")}`;

/** The administration counts its own requests as those of `admin`: this one is always among them. */
const OWN_REQUEST = "http.admin.downstream_rq_active";
const METRICS_REQUESTS = `http.${METRICS_LISTENER}.downstream_rq_active`;

/** Requests of clients that are under way, from the answer to {@link ACTIVE_REQUESTS_PATH}, parsed from JSON. */
export function parseActiveRequests(answer: unknown): number {
  return members(answer, "stats", "statistics")
    .map((entry) => ({ name: text(entry["name"]), active: count(entry["value"]) }))
    .filter(({ name }) => name !== METRICS_REQUESTS)
    .reduce((sum, { name, active }) => sum + (name === OWN_REQUEST ? Math.max(0, active - 1) : active), 0);
}

/** Statistics by the name of the subscription that they belong to. */
function parseFileReports(answer: unknown): Map<string, FileReport> {
  const files = new Map<string, FileReport>();
  for (const { name, value } of members(answer, "stats", "statistics")) {
    const [, subscription, kind] =
      /^(.*)\.(version_text|update_rejected|update_failure)$/.exec(text(name)) ?? [];
    if (subscription === undefined) continue;
    const { version, refusals } = files.get(subscription) ?? UNREAD;
    files.set(
      subscription,
      kind === "version_text"
        ? { version: text(value), refusals }
        : { version, refusals: refusals + count(value) },
    );
  }
  return files;
}

function select(files: ReadonlyMap<string, FileReport>, pattern: RegExp): Map<string, FileReport> {
  const selected = new Map<string, FileReport>();
  for (const [subscription, report] of files) {
    const name = pattern.exec(subscription)?.[1];
    if (name !== undefined) selected.set(name, report);
  }
  return selected;
}

/** A list of objects inside an answer; Envoy leaves out an empty one. */
function members(answer: unknown, key: string, what: string): readonly JsonRecord[] {
  const list = valueAt(answer, key);
  const records = asList(list)
    .map(asRecord)
    .filter((record) => record !== undefined);
  const isList = list === undefined || (Array.isArray(list) && records.length === list.length);
  if (asRecord(answer) !== undefined && isList) return records;
  throw new EnvoyReportError(
    `expected an object with a list "${key}" of ${what} from Envoy's administration`,
  );
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw new EnvoyReportError(`expected a text from Envoy's administration, found ${JSON.stringify(value)}`);
}

function count(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new EnvoyReportError(`expected a count from Envoy's administration, found ${JSON.stringify(value)}`);
}
