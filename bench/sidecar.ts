/**
 * What the sidecar costs: events of the tap by CPU second, memory over 10 million of them, a scrape of 5,000 series, the
 * error of an AUC out of its bins, what the tap and a token cost a request in the model server, and the server's memory
 * before a consumer that takes nothing. The reference is the obvious way to the same numbers: prom-client's own counters
 * and histograms, observed for each event.
 *
 * The sidecar is a process of its own; the sender is this one, with the tap sender of the model server. Ends with 1 when
 * a bar is missed. Run: node --expose-gc bench/sidecar.ts [EVENTS, 10000000 unless given]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Counter, Histogram, Registry } from "prom-client";
import { machine } from "./machine.ts";
import { cpuMilliseconds } from "./process-cpu.ts";
import { errorOfArea } from "./sidecar/score-area.ts";
import { columnsOf, eventOf, fill, sendAll, senderTo, settings, until } from "./sidecar/sending.ts";
import { serverCost } from "./sidecar/server-cost.ts";

const EVENTS = Number(process.argv[2] ?? 10_000_000);
const BARS = {
  eventsPerCpuSecond: 300_000,
  memoryGrowth: 0.1,
  scrapeMilliseconds: 50,
  aucError: 0.001,
  serverMicroseconds: 15,
} as const;
const FEATURES = 4;
const SCRAPES = 40;
const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "petrel-bench-sidecar-"));

let missed = false;
function report(what: string, value: number, unit: string, holds: boolean, bar: string): void {
  if (!holds) missed = true;
  const text = value >= 1_000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
  console.log(`${what}: ${text}${unit} (bar ${bar}): ${holds ? "held" : "MISSED"}`);
}

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly metrics: () => Promise<string>;
}

function startSidecar(socket: string, text: string): Promise<Running> {
  writeFileSync(join(folder, "settings.json"), text);
  const child = spawn(
    process.execPath,
    [
      "--no-warnings",
      join(root, "src/main.ts"),
      "sidecar",
      `--settings=${join(folder, "settings.json")}`,
      `--tap-socket=${socket}`,
      "--listen-address=127.0.0.1",
      "--metrics-port=0",
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the sidecar ended with ${code}`)));
    child.stdout.on("data", (chunk) => {
      const line = `${chunk}`.split("\n").find((one) => one.includes('"observing"'));
      if (line === undefined || child.pid === undefined) return;
      const url = `http://127.0.0.1:${JSON.parse(line)["petrel.metrics_port"]}/metrics`;
      resolve({ child, pid: child.pid, metrics: async () => await (await fetch(url)).text() });
    });
  });
}

function memoryBytes(pid: number): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}

function seriesOf(text: string, name: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? Number.NaN : Number(line.split(" ")[1]);
}

/** The same numbers by prom-client's own counting, in this process. */
function referencePerCpuSecond(features: number): number {
  const registers = [new Registry()];
  const labelNames = ["model_revision", "arm"];
  const requests = new Counter({
    name: "requests_total",
    help: "a",
    labelNames: [...labelNames, "code"],
    registers,
  });
  const latency = new Histogram({ name: "latency", help: "a", labelNames, registers });
  const values = new Histogram({
    name: "value",
    help: "a",
    labelNames: [...labelNames, "column"],
    registers,
  });
  const kinds = new Counter({
    name: "kinds_total",
    help: "a",
    labelNames: [...labelNames, "column", "kind"],
    registers,
  });
  const names = columnsOf(features);
  const event = eventOf(features);
  const count = 100_000;
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    fill(event);
    const labels = { model_revision: "m-1", arm: event.arm === 1 ? "Candidate" : "Stable" };
    requests.inc({ ...labels, code: "2xx" });
    latency.observe(labels, event.latencyMilliseconds / 1_000);
    for (const [column, name] of names.entries()) {
      values.observe({ ...labels, column: name }, event.values[column] ?? 0);
      kinds.inc({ ...labels, column: name, kind: "number" });
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (count / (user + system)) * 1e6;
}

async function measureEvents(): Promise<void> {
  const socket = join(folder, "tap");
  const sidecar = await startSidecar(socket, settings(FEATURES));
  const sender = senderTo(socket, FEATURES);
  try {
    await until(() => sender.takesEvents);
    const event = eventOf(FEATURES);
    const warmUp = Math.min(EVENTS / 10, 1_000_000);
    const counted = async () => seriesOf(await sidecar.metrics(), "petrel_sidecar_events_total");
    await sendAll(sender, event, warmUp);
    await until(async () => (await counted()) === warmUp);
    const [cpu, memory] = [cpuMilliseconds(sidecar.pid), memoryBytes(sidecar.pid)];
    const start = performance.now();
    const samples = [memory];
    for (let part = 1; part <= 10; part++) {
      await sendAll(sender, event, EVENTS / 10);
      samples.push(memoryBytes(sidecar.pid));
    }
    await until(async () => (await counted()) === warmUp + EVENTS);
    const seconds = (performance.now() - start) / 1_000;
    const cpuSeconds = (cpuMilliseconds(sidecar.pid) - cpu) / 1_000;
    const rate = EVENTS / cpuSeconds;
    const reference = referencePerCpuSecond(FEATURES);
    report(
      `events a CPU second, one row of ${FEATURES + 1} columns with drift`,
      rate,
      "",
      rate >= BARS.eventsPerCpuSecond,
      BARS.eventsPerCpuSecond.toLocaleString("en"),
    );
    console.log(
      `  ${Math.round(EVENTS / seconds).toLocaleString("en")} a second with the sender; prom-client's own counting, without socket and drift: ${Math.round(reference).toLocaleString("en")} a CPU second, ratio ${(rate / reference).toFixed(1)}`,
    );
    const text = await sidecar.metrics();
    if (seriesOf(text, "petrel_sidecar_events_missed_total") !== 0 || sender.dropped > 0) {
      throw new Error("events were dropped, so the rate is not of all of them");
    }
    const growth = Math.max(...samples) / memory - 1;
    report(
      `memory over ${EVENTS.toLocaleString("en")} events, of ${(memory / 2 ** 20).toFixed(0)} MiB after the first ${warmUp.toLocaleString("en")}`,
      100 * growth,
      " % more at most",
      growth <= BARS.memoryGrowth,
      `${100 * BARS.memoryGrowth} %`,
    );
    console.log(`  MiB after each tenth: ${samples.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(" ")}`);
  } finally {
    sender.stop();
    sidecar.child.removeAllListeners("exit");
    sidecar.child.kill("SIGKILL");
  }
}

async function measureScrape(): Promise<void> {
  const features = 55;
  const socket = join(folder, "scrape");
  const sidecar = await startSidecar(socket, settings(features));
  const sender = senderTo(socket, features);
  try {
    await until(() => sender.takesEvents);
    await sendAll(sender, eventOf(features), 20_000);
    await until(async () => seriesOf(await sidecar.metrics(), "petrel_sidecar_events_total") === 20_000);
    const text = await sidecar.metrics();
    const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
    for (let warm = 0; warm < 10; warm++) await sidecar.metrics();
    const times: number[] = [];
    const cpu = cpuMilliseconds(sidecar.pid);
    for (let scrape = 0; scrape < SCRAPES; scrape++) {
      const start = performance.now();
      await sidecar.metrics();
      times.push(performance.now() - start);
    }
    const perScrape = (cpuMilliseconds(sidecar.pid) - cpu) / SCRAPES;
    times.sort((a, b) => a - b);
    // The bar is of the time that Prometheus waits; CPU time alone would say nothing of what it waits for.
    const median = times[SCRAPES / 2] ?? Number.NaN;
    report(
      `scrape of ${series.toLocaleString("en")} series by the wall clock, the median`,
      median,
      " ms",
      series >= 5_000 && median < BARS.scrapeMilliseconds,
      `5,000 series in ${BARS.scrapeMilliseconds} ms`,
    );
    console.log(
      `  fastest ${times[0]?.toFixed(1)} ms, slowest ${times.at(-1)?.toFixed(1)} ms; CPU time of the sidecar ${perScrape.toFixed(1)} ms`,
    );
  } finally {
    sender.stop();
    sidecar.child.removeAllListeners("exit");
    sidecar.child.kill("SIGKILL");
  }
}

/** A consumer that takes nothing: the sender's memory, and what a request then costs. */
async function measureDeadConsumer(): Promise<void> {
  const socket = join(folder, "dead");
  const server = createServer((client) => client.pause()).listen(socket);
  const sender = senderTo(socket, FEATURES);
  await until(() => sender.takesEvents);
  const event = eventOf(FEATURES);
  const send = async (count: number) => {
    for (let index = 0; index < count; index++) {
      if (sender.takesEvents) {
        fill(event);
        sender.send(event);
      } else sender.skip();
      if (index % 100_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await send(EVENTS / 10);
  globalThis.gc?.();
  const memory = process.memoryUsage.rss();
  const before = process.cpuUsage();
  await send(EVENTS);
  const { user, system } = process.cpuUsage(before);
  globalThis.gc?.();
  const growth = process.memoryUsage.rss() / memory - 1;
  report(
    `memory of the sender over ${EVENTS.toLocaleString("en")} events before a consumer that takes nothing (${((1_000 * (user + system)) / EVENTS).toFixed(0)} ns each)`,
    100 * growth,
    " % more",
    growth <= BARS.memoryGrowth,
    `${100 * BARS.memoryGrowth} %`,
  );
  sender.stop();
  server.close();
}

try {
  console.log(`${machine()}, Node ${process.version}, load average ${loadavg()[0]?.toFixed(1)} at the start`);
  const error = errorOfArea();
  report(
    "error of the AUC out of the score bins, click rates of some per cent",
    error,
    "",
    error <= BARS.aucError,
    `${BARS.aucError}`,
  );
  const { tap, both } = await serverCost(join(folder, "server"), FEATURES);
  report(
    `CPU of the model server a request for token and tap (tap alone ${tap.toFixed(2)} us)`,
    both,
    " us",
    both <= BARS.serverMicroseconds,
    `${BARS.serverMicroseconds} us`,
  );
  await measureScrape();
  await measureEvents();
  await measureDeadConsumer();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(missed ? 1 : 0);
