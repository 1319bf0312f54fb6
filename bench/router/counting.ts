/**
 * What it costs Envoy to count first tries, and the router to read them: one plan that splits the traffic, with and
 * without what switches the counting on, in turn.
 */
import type { PlannedPool } from "../../src/api/traffic-plan.ts";
import { resourceFile } from "../../src/render/envoy/resource.ts";
import { countingEnvoy } from "../../src/router/envoy-administration.ts";
import type { PlannedTraffic } from "../../src/router/progress.ts";
import { newPlan } from "../../test/apiserver/router-envoy/controlled-envoy.ts";
import { endpoint, gpu, type ModelWorld } from "../../test/apiserver/router-envoy/model-world.ts";
import { openLoop, restClient } from "../../test/apiserver/router-envoy/open-loop.ts";
import { cpuMilliseconds } from "../process-cpu.ts";

const PER_SECOND = 500;
const ROUND_MILLISECONDS = 10_000;
const ROUNDS = 3;
/** A fifth more of Envoy's CPU for each request. */
const MAXIMUM_RATIO = 1.2;
const next: PlannedPool = { pool: "gpu", revision: "r2", replicas: 1 };

/** The plan without the header by which first tries are known. */
function uncounted(planned: PlannedTraffic): PlannedTraffic {
  const { configuration, plan } = planned;
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== "object" || value === null) return value;
    const kept = Object.entries(value).filter(([name]) => name !== "include_request_attempt_count");
    return Object.fromEntries(kept.map(([name, field]) => [name, strip(field)]));
  };
  const routes = JSON.parse(configuration.routes.content).resources.map(strip);
  return { ...planned, configuration: { ...configuration, routes: resourceFile(routes, plan.epoch) } };
}

/** Microseconds of Envoy's CPU for each request, in the median round. */
async function cpuOfRequest(world: ModelWorld, port: number): Promise<number> {
  const client = restClient(port);
  try {
    await openLoop(client, PER_SECOND, 2_000);
    const before = cpuMilliseconds(world.envoy.pid);
    const outcomes = await openLoop(client, PER_SECOND, ROUND_MILLISECONDS);
    return ((cpuMilliseconds(world.envoy.pid) - before) * 1_000) / outcomes.length;
  } finally {
    client.close();
  }
}

/** Measures it. */
export async function measureCounting(
  world: ModelWorld,
  check: (what: string, holds: boolean, figures: string) => void,
): Promise<void> {
  const plan = await newPlan([
    { name: "Stable", weight: 5_000, pools: [gpu] },
    { name: "Candidate", weight: 5_000, pools: [next, gpu] },
  ]);
  const endpoints = [...world.first.map((ip) => endpoint(ip, "gpu")), endpoint(world.second, "gpu", "r2")];
  const counted: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const whole = { ...plan, epoch: 1 + 2 * round };
    await world.envoy.serve("counting", whole, endpoints);
    counted.push(await cpuOfRequest(world, plan.port));
    const bare = { ...plan, epoch: 2 + 2 * round };
    await world.envoy.serve("counting", bare, endpoints, uncounted(world.envoy.planned("counting", bare)));
    plain.push(await cpuOfRequest(world, plan.port));
  }
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
  const [withIt, without] = [median(counted), median(plain)];
  const all = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join(", ");
  check(
    "counting first tries is cheap",
    withIt <= without * MAXIMUM_RATIO,
    `Envoy ${withIt.toFixed(0)} us CPU a request with it (${all(counted)}), ${without.toFixed(0)} us without (${all(plain)}): ratio ${(withIt / without).toFixed(2)}`,
  );
  const envoy = countingEnvoy(world.envoy.place.adminPort);
  const start = performance.now();
  const { counted: arms } = await envoy.firstTries(["counting"]);
  const took = performance.now() - start;
  const { candidate, stable } = arms.get("counting") ?? {};
  check(
    "first tries are read",
    (candidate?.tries ?? 0) > 0 && (stable?.tries ?? 0) > 0,
    `${took.toFixed(1)} ms for one ModelDeployment, once a minute`,
  );
  world.envoy.forget("counting");
}
