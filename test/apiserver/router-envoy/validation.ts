/**
 * Has the real Envoy validate a golden file. Envoy validates whole bootstraps only, and does not follow the files
 * that they name; so each resource is put where a bootstrap may hold it itself.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../../e2e/cluster/index.ts";
import { asList, asRecord, type JsonRecord, parseJson, valueAt } from "../../../src/api/json.ts";
import { envoyProgram } from "./envoy-process.ts";

const FOLDER = join(import.meta.dirname, "../../golden/envoy");

/** Names of all golden files of Envoy's configuration. */
export function goldenNames(): readonly string[] {
  return readdirSync(FOLDER);
}

/** Content of a golden file. */
export function golden(name: string): JsonRecord {
  return asRecord(parseJson(readFileSync(join(FOLDER, name), "utf8"))) ?? {};
}

/** What Envoy says against a resource in the place of a golden file; empty when it is valid. */
export async function complaintAbout(name: string, resource: JsonRecord): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "petrel-validate-"));
  try {
    const path = join(directory, "bootstrap.json");
    const empty = join(directory, "empty.json");
    writeFileSync(empty, "{}");
    writeFileSync(path, JSON.stringify(withFile(completeBootstrap(name, resource), empty)));
    const node = ["--service-node", "test", "--service-cluster", "test"];
    const flags = ["--mode", "validate", "--log-level", "error", "--disable-hot-restart", ...node];
    const { exitCode, stdout, stderr } = await run(await envoyProgram(), [...flags, "-c", path]);
    return exitCode === 0 ? "" : stdout + stderr;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function completeBootstrap(name: string, resource: JsonRecord): JsonRecord {
  const { "@type": _type, ...plain } = resource;
  switch (name.split(/[-.]/)[0]) {
    case "bootstrap":
      return plain;
    case "listener":
      return { static_resources: { listeners: [plain] } };
    case "cluster":
      return { static_resources: { clusters: [plain] } };
    case "endpoints":
      return { static_resources: { clusters: [{ name: "c", type: "STATIC", load_assignment: plain }] } };
    case "routes": {
      const { "@type": _listenerType, ...listener } = golden("listener.json");
      const clusters = [...new Set(routedClusters(plain))].map((cluster) => ({
        name: cluster,
        type: "STATIC",
      }));
      return { static_resources: { listeners: [withRoutes(listener, plain)], clusters } };
    }
    default:
      throw new Error(`the golden file ${name} is of no known kind`);
  }
}

function routedClusters(routes: JsonRecord): readonly unknown[] {
  const hosts = asList(routes["virtual_hosts"]);
  const actions = hosts.flatMap((host) =>
    asList(valueAt(host, "routes")).map((route) => valueAt(route, "route")),
  );
  return actions
    .flatMap((action) =>
      asList(valueAt(action, "weighted_clusters", "clusters")).map((cluster) => valueAt(cluster, "name")),
    )
    .concat(actions.flatMap((action) => valueAt(action, "cluster") ?? []))
    .concat(
      actions.flatMap((action) =>
        asList(valueAt(action, "request_mirror_policies")).map((policy) => valueAt(policy, "cluster")),
      ),
    );
}

/** The listener with its routes inside instead of in a file. */
function withRoutes(listener: JsonRecord, routes: JsonRecord): unknown {
  return mapObjects(listener, ({ rds, ...rest }) =>
    rds === undefined ? rest : { ...rest, route_config: routes },
  );
}

/** One file that exists stands in for all that a router writes. */
function withFile(bootstrap: JsonRecord, path: string): unknown {
  return mapObjects(bootstrap, (record) =>
    record["path_config_source"] === undefined
      ? withLog(record)
      : { ...record, path_config_source: { path } },
  );
}

/** Envoy opens its log when it validates; there is no folder for it here. */
function withLog(record: JsonRecord): JsonRecord {
  return record["log_format"] === undefined ? record : { ...record, path: "/dev/null" };
}

function mapObjects(value: unknown, convert: (record: JsonRecord) => JsonRecord): unknown {
  if (Array.isArray(value)) return value.map((member) => mapObjects(member, convert));
  const record = asRecord(value);
  if (record === undefined) return value;
  return convert(
    Object.fromEntries(Object.entries(record).map(([key, member]) => [key, mapObjects(member, convert)])),
  );
}
