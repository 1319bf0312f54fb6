/**
 * Puts configuration files where Envoy sees them: each is written beside its place and renamed into it, so Envoy
 * reads it whole or not at all.
 *
 * New files come in the order in which they refer to each other, and go in the opposite one: Envoy refuses what
 * refers to a file that is not there.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { asList, parseJson, valueAt } from "../api/json.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import type { ConfigurationLayout } from "../render/envoy/layout.ts";
import type { JsonObject, ResourceFile } from "../render/envoy/resource.ts";
import { resourceFile } from "../render/envoy/resource.ts";
import type { ConfigurationStore } from "./envoy-control.ts";
import { checkPlan } from "./planned-traffic.ts";
import type { KnownPlans } from "./progress.ts";
import type { ConfigurationFiles } from "./sequence.ts";

const TEMPORARY_SUFFIX = ".new";

/** The files of one Envoy. Calls must not overlap. */
export class ConfigurationDirectory implements ConfigurationStore {
  readonly #layout: ConfigurationLayout;
  /** Version by path, of what this process has written. */
  readonly #written = new Map<string, string>();

  constructor(layout: ConfigurationLayout) {
    this.#layout = layout;
  }

  async prepare(bootstrap: JsonObject): Promise<void> {
    const { routeDirectory, endpointDirectory, secretDirectory, listeners, clusters } = this.#layout;
    for (const directory of [routeDirectory, endpointDirectory, secretDirectory]) {
      await mkdir(directory, { recursive: true });
    }
    for (const path of [clusters, listeners]) {
      if ((await readIfThere(path)) === undefined) await put(path, resourceFile([]).content);
    }
    await put(this.#layout.bootstrap, `${JSON.stringify(bootstrap)}\n`);
  }

  async write(files: ConfigurationFiles): Promise<void> {
    const layout = this.#layout;
    for (const [cluster, file] of files.endpoints) await this.#put(layout.endpoints(cluster), file);
    await this.#put(layout.clusters, files.clusters);
    for (const [name, file] of files.secrets) await this.#put(layout.secrets(name), file);
    await this.writeRoutes(files.routes);
    await this.#put(layout.listeners, files.listeners);
    await this.#removeOthers(layout.secretDirectory, [...files.secrets.keys()].map(layout.secrets));
    const routes = [...files.routes.keys(), ...files.knownListeners].map(layout.routes);
    await this.#removeOthers(layout.routeDirectory, routes);
    const endpoints = [...files.endpoints.keys(), ...files.knownClusters].map(layout.endpoints);
    await this.#removeOthers(layout.endpointDirectory, endpoints);
  }

  async writeRoutes(routes: ReadonlyMap<string, ResourceFile>): Promise<void> {
    for (const [name, file] of routes) await this.#put(this.#layout.routes(name), file);
  }

  async writePlans(plans: ReadonlyMap<string, KnownPlans<TrafficPlan>>): Promise<void> {
    const content = `${JSON.stringify(Object.fromEntries(plans))}\n`;
    await this.#put(this.#layout.plans, { version: content, content });
  }

  async readPlans(): Promise<ReadonlyMap<string, KnownPlans<TrafficPlan>>> {
    const note = parseJson((await readIfThere(this.#layout.plans)) ?? "{}");
    return new Map(
      Object.entries(note ?? {}).flatMap(([name, known]) => {
        const [serving] = readablePlan(valueAt(known, "serving"));
        const others = asList(valueAt(known, "others")).flatMap(readablePlan);
        if (serving === undefined) return others.length === 0 ? [] : [[name, { others }] as const];
        return [[name, { serving, others }] as const];
      }),
    );
  }

  async #put(path: string, { version, content }: ResourceFile): Promise<void> {
    if (this.#written.get(path) === version) return;
    await put(path, content);
    this.#written.set(path, version);
  }

  async #removeOthers(directory: string, wanted: readonly string[]): Promise<void> {
    const names = new Set(wanted.map((path) => basename(path)));
    for (const name of await readdir(directory)) {
      if (names.has(name)) continue;
      await rm(`${directory}/${name}`, { force: true });
      this.#written.delete(`${directory}/${name}`);
    }
  }
}

/** The plan, or nothing in place of what is none. */
function readablePlan(plan: unknown): readonly TrafficPlan[] {
  try {
    return [checkPlan(plan)];
  } catch {
    return [];
  }
}

/** Readable for everyone: Envoy runs under another user. It holds no secret. */
async function put(path: string, content: string): Promise<void> {
  await writeFile(path + TEMPORARY_SUFFIX, content, { mode: 0o644 });
  await rename(path + TEMPORARY_SUFFIX, path);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (valueAt(error, "code") === "ENOENT") return undefined;
    throw error;
  }
}
