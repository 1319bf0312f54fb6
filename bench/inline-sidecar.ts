/**
 * What it costs to stand before a foreign runtime: CPU of the sidecar for a request, and what it adds to the median and
 * the 99th percentile of its time, over REST and gRPC, with tokens, a score and two features observed. The references: the
 * runtime reached directly, and a proxy of Node that looks at nothing. The runtime answers at once, so what is added is
 * seen whole.
 *
 * Requests go one after the other, in turns of the three ways, so that a busy machine disturbs all alike. Ends with 1 when
 * the sidecar's memory grows over the requests, or an answer has no token.
 * Run: node bench/inline-sidecar.ts [REQUESTS of each way, 10000 unless given]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { grpcSender, restSender, type Sender } from "./inline-sidecar/requests.ts";
import { machine } from "./machine.ts";
import { cpuMilliseconds } from "./process-cpu.ts";

const REQUESTS = Number(process.argv[2] ?? 10_000);
const TURNS = 20;
const WARM_UP = 2_000;
const MEMORY_BAR = 0.25;
const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "petrel-bench-inline-"));
const children: ChildProcess[] = [];

interface Running {
  readonly pid: number;
  readonly rest: string;
  readonly grpc: string;
}

/** Starts a program and reads its ports from the first line that has them. */
function start(words: readonly string[], portsIn: (line: string) => readonly [number, number] | undefined) {
  const child = spawn(process.execPath, ["--no-warnings", ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return new Promise<Running>((resolve, reject) => {
    let output = "";
    child.once("exit", (code) => reject(new Error(`${words[0]} ended with ${code}: ${output}`)));
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const ports = output
        .split("\n")
        .slice(0, -1)
        .map(portsIn)
        .find((found) => found !== undefined);
      if (ports === undefined || child.pid === undefined) return;
      const [rest, grpc] = ports.map((port) => `http://127.0.0.1:${port}`);
      resolve({ pid: child.pid, rest: rest ?? "", grpc: grpc ?? "" });
    });
  });
}

function startRuntime(...upstreams: readonly string[]): Promise<Running> {
  return start([join(root, "bench/inline-sidecar/runtime.ts"), ...upstreams], (line) => JSON.parse(line));
}

function startSidecar({ rest, grpc }: Running): Promise<Running> {
  const secret = Buffer.alloc(32, 1).toString("base64");
  const key = { deployment: "uid", revision: "m-1", id: 1, secret };
  writeFileSync(join(folder, "key.json"), JSON.stringify({ users: secret, keys: [key] }));
  const features = [0, 3].map((column) => ({ name: `feature-${column}`, input: "features", column }));
  const observe = { scores: { output: "score", probability: true }, features, userHeader: "x-user-id" };
  writeFileSync(join(folder, "settings.json"), JSON.stringify({ observe }));
  const words = [
    `--rest-upstream=${rest}`,
    `--grpc-upstream=${grpc}`,
    ...["rest", "grpc", "metrics"].map((name) => `--${name}-port=0`),
    "--listen-address=127.0.0.1",
    "--model-revision=m-1",
    `--settings=${join(folder, "settings.json")}`,
    `--token-keys=${join(folder, "key.json")}`,
    "--token-deployment=uid",
  ];
  return start([join(root, "src/main.ts"), "sidecar", ...words], (line) => {
    if (!line.includes('"observing"')) return undefined;
    const said = JSON.parse(line);
    return [said["petrel.rest_port"], said["petrel.grpc_port"]];
  });
}

function memoryBytes(pid: number): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}

async function sendMany(sender: Sender, count: number, times: number[], hasToken: boolean): Promise<void> {
  for (let index = 0; index < count; index++) {
    const begin = performance.now();
    const token = await sender.send();
    times.push(performance.now() - begin);
    if ((token !== undefined) !== hasToken) throw new Error(`expected a token: ${hasToken}, got ${token}`);
  }
}

function quantile(times: readonly number[], share: number): number {
  return [...times].sort((a, b) => a - b)[Math.floor(share * times.length)] ?? Number.NaN;
}

const us = (milliseconds: number) => `${Math.round(1_000 * milliseconds)} us`;

async function measure(protocol: "rest" | "grpc", ways: Readonly<Record<string, Running>>): Promise<void> {
  const sender = protocol === "rest" ? restSender : grpcSender;
  const measured = Object.entries(ways).map(([name, running]) => ({
    name,
    running,
    sender: sender(running[protocol]),
    times: [] as number[],
    cpu: 0,
  }));
  for (const way of measured) await sendMany(way.sender, WARM_UP, [], way.name === "sidecar");
  for (let turn = 0; turn < TURNS; turn++) {
    for (const way of measured) {
      const before = cpuMilliseconds(way.running.pid);
      await sendMany(way.sender, REQUESTS / TURNS, way.times, way.name === "sidecar");
      way.cpu += cpuMilliseconds(way.running.pid) - before;
    }
  }
  const [direct] = measured;
  if (direct === undefined) throw new Error("there is no way");
  for (const { name, times, cpu, sender: used } of measured) {
    const [median, tail] = [quantile(times, 0.5), quantile(times, 0.99)];
    const added =
      name === direct.name
        ? ""
        : `, added ${us(median - quantile(direct.times, 0.5))} and ${us(tail - quantile(direct.times, 0.99))}; CPU ${us(cpu / times.length)} a request`;
    console.log(`${protocol} ${name}: median ${us(median)}, 99th percentile ${us(tail)}${added}`);
    used.close();
  }
  const [plain, sidecar] = ["plain proxy", "sidecar"].map((name) =>
    measured.find((way) => way.name === name),
  );
  console.log(
    `${protocol}: CPU of the sidecar ${((sidecar?.cpu ?? 0) / (plain?.cpu ?? 0)).toFixed(2)} of that of the plain proxy`,
  );
}

let grew = false;
try {
  console.log(`${machine()}, Node ${process.version}, load average ${loadavg()[0]?.toFixed(1)} at the start`);
  const runtime = await startRuntime();
  const plain = await startRuntime(runtime.rest, runtime.grpc);
  const sidecar = await startSidecar(runtime);
  const ways = { direct: runtime, "plain proxy": plain, sidecar };
  await measure("rest", ways);
  await measure("grpc", ways);
  const before = memoryBytes(sidecar.pid);
  await measure("rest", ways);
  await measure("grpc", ways);
  const growth = memoryBytes(sidecar.pid) / before - 1;
  grew = growth > MEMORY_BAR;
  console.log(
    `memory of the sidecar ${(before / 2 ** 20).toFixed(0)} MiB, ${(100 * growth).toFixed(0)} % more after ${(2 * REQUESTS).toLocaleString("en")} more requests (bar ${100 * MEMORY_BAR} %): ${grew ? "MISSED" : "held"}`,
  );
} finally {
  for (const child of children) {
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exit(grew ? 1 : 0);
