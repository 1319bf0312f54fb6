/**
 * What the health checks of a namespace cost one router: the real Envoy on loopback with COUNT ModelDeployments of two
 * replicas, and no request of a client. Counts the CPU that Envoy used and the checks that it made in the same time, so
 * that a busy machine makes fewer checks and not dearer ones.
 *
 * Run: node bench/health-checks.ts [COUNT, 200 unless given]
 */
import { setTimeout as delay } from "node:timers/promises";
import { newPlan, stableArm } from "../test/apiserver/router-envoy/controlled-envoy.ts";
import { endpoint, gpu, startModelWorld } from "../test/apiserver/router-envoy/model-world.ts";
import { until } from "../test/apiserver/router-envoy/until.ts";
import { cpuMilliseconds } from "./process-cpu.ts";

const SUBNET = 72;
const SECONDS = 20;

const count = Number(process.argv[2] ?? 200);
const world = await startModelWorld(SUBNET);

async function checksMade(): Promise<number> {
  const filter = encodeURIComponent("health_check\\.attempt$");
  const url = `http://127.0.0.1:${world.envoy.place.adminPort}/stats?filter=${filter}`;
  const lines = (await (await fetch(url)).text()).split("\n");
  return lines.reduce((sum, line) => sum + Number(/: (\d+)$/.exec(line)?.[1] ?? 0), 0);
}

interface Span {
  readonly checksPerSecond: number;
  /** Thousandths of a core. */
  readonly cpuMilli: number;
}

/** Looks at Envoy for a while. The router is ended meanwhile: here it asks Envoy far more often than in a cluster. */
async function measure(): Promise<Span> {
  await world.envoy.stopRouter();
  await delay(3_000);
  const [cpu, checks, start] = [cpuMilliseconds(world.envoy.pid), await checksMade(), performance.now()];
  await delay(SECONDS * 1000);
  const seconds = (performance.now() - start) / 1000;
  return {
    checksPerSecond: ((await checksMade()) - checks) / seconds,
    cpuMilli: (cpuMilliseconds(world.envoy.pid) - cpu) / seconds,
  };
}

try {
  const idle = await measure();
  await world.envoy.restartRouter();
  const endpoints = world.first.map((ip) => endpoint(ip, gpu.pool));
  const names = Array.from({ length: count }, (_, index) => `model-${index}`);
  for (const name of names) {
    world.envoy.want(name, world.envoy.planned(name, await newPlan([stableArm(gpu)])), endpoints);
  }
  await until(
    "all are served",
    () => names.every((name) => world.envoy.acknowledgement(name).isListening === true),
    300_000,
  );
  const busy = await measure();
  const microseconds = ((busy.cpuMilli - idle.cpuMilli) / busy.checksPerSecond) * 1000;
  // REST and gRPC, each twice a second, of each replica.
  const duePerSecond = count * endpoints.length * 2 * 2;
  console.info(
    [
      `${count} ModelDeployments of ${endpoints.length} replicas:`,
      `${busy.checksPerSecond.toFixed(0)} checks a second of ${duePerSecond} that are due,`,
      `${microseconds.toFixed(0)} us of CPU each beyond the ${idle.cpuMilli.toFixed(0)}m of an idle Envoy;`,
      `${((duePerSecond * microseconds) / 1000).toFixed(0)}m if all were made`,
    ].join(" "),
  );
} finally {
  await world.stop();
}
