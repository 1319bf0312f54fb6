/**
 * What a router's Envoy costs and what it survives, on loopback, with stand-ins for model servers in this process:
 *
 * - added: CPU and latency of a request through Envoy, against the same request sent directly;
 * - loss: a whole pool lost under an open-loop load of 500 requests a second, half of them on fresh connections and
 *   none retried by the client, by 503s, resets, hanging and cut-off; then the same with Envoy's failover off;
 * - grpc: the same losses, asked over gRPC;
 * - planned: pods that leave, a new revision, a restarted router, each under the same load;
 * - overload: good answers at 1.4 and 10 times the capacity, against those at the capacity;
 * - memory: bodies of twice the memory of Envoy at once, and small requests beside them;
 * - counting: CPU of a request while first tries are counted, against the same without.
 *
 * Prints a verdict for each; figures are those of the machine. To cut servers off, packets to them are dropped: so it
 * runs in a network namespace of its own, which it makes. Run as root: node bench/router.ts [added loss grpc ...]
 * [--seconds 60]
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { loadavg } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { newPlan, stableArm } from "../test/apiserver/router-envoy/controlled-envoy.ts";
import { envoyProgram } from "../test/apiserver/router-envoy/envoy-process.ts";
import {
  cpu,
  endpoint,
  gpu,
  type ModelWorld,
  startModelWorld,
} from "../test/apiserver/router-envoy/model-world.ts";
import {
  mixedClient,
  type Outcome,
  openLoop,
  restClient,
  statuses,
} from "../test/apiserver/router-envoy/open-loop.ts";
import { machine } from "./machine.ts";
import { cpuMilliseconds } from "./process-cpu.ts";
import { measureCounting } from "./router/counting.ts";
import { type Check, ms, PER_SECOND, quantile, withClient } from "./router/load.ts";
import { measureLosses } from "./router/losses.ts";

const SUBNET = 71;
const SECTIONS = ["added", "loss", "grpc", "planned", "overload", "memory", "counting"] as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "60" }, inside: { type: "boolean", default: false } },
});
const seconds = Number(values.seconds);
const sections = positionals.length === 0 ? SECTIONS : SECTIONS.filter((name) => positionals.includes(name));

/** Runs this file again where dropped packets hurt nobody else. */
function runInNamespace(): number {
  const again = [
    process.execPath,
    "--no-warnings",
    import.meta.filename,
    ...process.argv.slice(2),
    "--inside",
  ];
  const script = 'ip link set lo up && exec "$@"';
  const { status, error } = spawnSync("unshare", ["--net", "sh", "-c", script, "sh", ...again], {
    stdio: "inherit",
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

async function runAll(): Promise<void> {
  const { stdout } = spawnSync(await envoyProgram(), ["--version"], { encoding: "utf8" });
  const envoyVersion = /\/(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  console.log(`${machine()}; Node ${process.version}, Envoy ${envoyVersion}`);
  const world = await startModelWorld(SUBNET);
  const failed: string[] = [];
  const check = (what: string, holds: boolean, figures: string) => {
    console.log(`${holds ? "ok  " : "FAIL"} ${what}: ${figures}`);
    if (!holds) failed.push(what);
  };
  try {
    for (const section of sections) {
      console.log(`\n${section} (load average of the machine ${loadavg()[0]?.toFixed(1)})`);
      await RUN[section](world, check);
    }
  } finally {
    await world.stop();
  }
  console.log(failed.length === 0 ? "\nall ok" : `\n${failed.length} failed`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

type Section = (world: ModelWorld, check: Check) => Promise<void>;

const RUN: Readonly<Record<(typeof SECTIONS)[number], Section>> = {
  added: measureAdded,
  loss: (world, check) => measureLosses(world, check, { protocol: "rest", seconds }),
  grpc: (world, check) => measureLosses(world, check, { protocol: "grpc", seconds }),
  planned: measurePlanned,
  overload: measureOverload,
  memory: measureMemory,
  counting: measureCounting,
};

function residentMebibytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

async function measureAdded(world: ModelWorld, check: Check): Promise<void> {
  const plan = await newPlan([stableArm({ ...gpu, replicas: 1 })]);
  const [server] = world.servers;
  if (server === undefined) throw new Error("no stand-in");
  await world.envoy.serve("added", plan, [endpoint(server.ip, "gpu")]);
  const through = () => restClient(plan.port);
  const directly = () => restClient(world.envoy.settings.ports.rest, server.ip);
  for (const client of [through(), directly()])
    await withClient(client, (warm) => openLoop(warm, PER_SECOND, 2_000));
  const rounds: { cpu: number; through: readonly Outcome[]; directly: readonly Outcome[] }[] = [];
  for (let round = 0; round < 3; round += 1) {
    const before = cpuMilliseconds(world.envoy.pid);
    const onThrough = await withClient(through(), (client) => openLoop(client, PER_SECOND, 10_000));
    const used = cpuMilliseconds(world.envoy.pid) - before;
    const onDirectly = await withClient(directly(), (client) => openLoop(client, PER_SECOND, 10_000));
    rounds.push({ cpu: (used * 1000) / onThrough.length, through: onThrough, directly: onDirectly });
  }
  for (const { cpu: microseconds, through: one, directly: other } of rounds) {
    const added = (share: number) => ms(quantile(one, share) - quantile(other, share));
    check(
      "every request is answered",
      [...one, ...other].every(({ status }) => status === 200),
      `Envoy ${microseconds.toFixed(0)} us CPU a request; p50 +${added(0.5)}, p99 +${added(0.99)} (directly ${ms(quantile(other, 0.5))}, ${ms(quantile(other, 0.99))})`,
    );
  }
  world.envoy.forget("added");
}

async function measurePlanned(world: ModelWorld, check: Check): Promise<void> {
  world.reset();
  const plan = await newPlan([stableArm(gpu, cpu)], { timeout: "2s", perTryTimeout: "500ms" });
  await world.envoy.serve("planned", plan, world.endpoints);
  const next = { pool: "gpu", revision: "r2", replicas: 1 };
  const changes: readonly (readonly [string, () => Promise<void>])[] = [
    [
      "pods leave one after the other",
      async () => {
        for (const count of [2, 1]) {
          world.envoy.want("planned", world.envoy.planned("planned", plan), world.endpoints.slice(-count));
          await delay(1_500);
        }
      },
    ],
    [
      "a new revision takes the traffic",
      async () => {
        const pods = [...world.endpoints.slice(1), endpoint(world.first[0], "gpu", "r2")];
        await world.envoy.serve("planned", { ...plan, epoch: 2, arms: [stableArm(next, cpu)] }, pods);
      },
    ],
    ["the router is restarted", () => world.envoy.restartRouter()],
  ];
  for (const [what, change] of changes) {
    const outcomes = await withClient(mixedClient(plan.port), async (client) => {
      const load = openLoop(client, PER_SECOND, 8_000);
      await delay(1_500);
      await change();
      return await load;
    });
    const failures = outcomes.filter(({ status }) => status !== 200).length;
    check(`${what}: no request fails`, failures === 0, `${failures} of ${outcomes.length} failed`);
  }
  world.envoy.forget("planned");
}

/** Two servers that take so many requests at a time, of so many milliseconds, and let so many wait. */
const OVERLOADED = { slots: 2, places: 4, serviceMilliseconds: 100 };
const CAPACITY_PER_SECOND = (2 * OVERLOADED.slots * 1000) / OVERLOADED.serviceMilliseconds;

async function measureOverload(world: ModelWorld, check: Check): Promise<void> {
  world.reset();
  const plan = await newPlan([stableArm(gpu)], { timeout: "2s", perTryTimeout: "500ms" });
  await world.envoy.serve("overload", plan, world.endpoints);
  for (const ip of world.first) Object.assign(world.server(ip), OVERLOADED);
  const goodput = async (factor: number) => {
    for (const ip of world.first) world.server(ip).inferences = 0;
    const outcomes = await withClient(restClient(plan.port), (client) =>
      openLoop(client, factor * CAPACITY_PER_SECOND, 10_000),
    );
    const tries = world.first.reduce((sum, ip) => sum + world.server(ip).inferences, 0);
    return {
      good: statuses(outcomes)["200"] ?? 0,
      statuses: statuses(outcomes),
      tries,
      sent: outcomes.length,
    };
  };
  const peaks = [await goodput(0.9), await goodput(1), await goodput(1.1)];
  const peak = Math.max(...peaks.map(({ good }) => good));
  for (const factor of [1.4, 10]) {
    const { good, statuses: seen, tries, sent } = await goodput(factor);
    check(
      `at ${factor} times the capacity 90 % of the peak's good answers, and no request tried twice`,
      good >= 0.9 * peak && tries <= sent,
      `${good / 10} a second of ${peak / 10} at the peak (${((100 * good) / peak).toFixed(0)} %); ${JSON.stringify(seen)}; ${tries} tries of ${sent}`,
    );
  }
  world.envoy.forget("overload");
  world.reset();
}

const BODY_BYTES = 16 * 2 ** 20;
const BODIES = 100;
/** The limit of the container's memory (`src/render/router.ts`). */
const CONTAINER_MEBIBYTES = 1_024;

async function measureMemory(world: ModelWorld, check: Check): Promise<void> {
  world.reset();
  const plan = await newPlan([stableArm({ ...gpu, replicas: 1 })], { timeout: "10s", perTryTimeout: "9s" });
  const [one] = world.endpoints;
  if (one === undefined) throw new Error("no endpoint");
  await world.envoy.serve("memory", plan, [one]);
  const other = await newPlan([stableArm({ ...cpu })]);
  await world.envoy.serve("beside", other, world.endpoints.slice(-1));
  // Bodies are kept for a retry as long as no answer comes.
  for (const ip of world.first) world.server(ip).become("UnavailableThoughReady");
  for (const ip of world.first) world.server(ip).serviceMilliseconds = 5_000;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, residentMebibytes(world.envoy.pid));
  }, 20);
  const body = Buffer.alloc(BODY_BYTES);
  const agent = new Agent({ keepAlive: false, maxSockets: BODIES });
  const large = restClient(plan.port, "127.0.0.1", agent);
  const sent = Array.from({ length: BODIES }, () => large.send(body));
  const stalls = monitorEventLoopDelay({ resolution: 5 });
  stalls.enable();
  const beside = await withClient(restClient(other.port), (client) => openLoop(client, 50, 8_000));
  stalls.disable();
  const outcomes = await Promise.all(sent);
  clearInterval(watch);
  large.close();
  world.reset();
  await delay(1_000);
  const after = await withClient(restClient(other.port), (client) => openLoop(client, 50, 2_000));
  const recovered = after.every(({ status }) => status === 200);
  check(
    "Envoy stays within its container, and answers again",
    most < CONTAINER_MEBIBYTES && recovered,
    `at most ${most.toFixed(0)} MiB of ${CONTAINER_MEBIBYTES} with ${BODIES} bodies of 16 MiB; these ended ${JSON.stringify(statuses(outcomes))}, small requests beside them ${JSON.stringify(statuses(beside))}, afterwards ${JSON.stringify(statuses(after))}; this process, which sends and receives them all, stood still for at most ${ms(stalls.max / 1e6)}`,
  );
  for (const name of ["memory", "beside"]) world.envoy.forget(name);
}

if (values.inside) await runAll();
else process.exitCode = runInNamespace();
