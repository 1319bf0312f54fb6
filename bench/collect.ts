/**
 * What the collector takes on a table of many requests, on the disk before it answers: labels by CPU second and by
 * second, in bodies of 100 and in single posts, how long a start takes after SIGKILL, and what a gate's look at a release
 * of nine days costs.
 *
 * The table is made first, in one file under the system's folder for temporary files, and removed in the end: 10 million
 * requests take about 1 GB. The collector is a process of its own; its clients are in this one.
 *
 * Run: node bench/collect.ts [REQUESTS, 10000000 unless given]
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { Agent, request } from "node:http";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { encodeRequest, requestKey, withoutCode } from "../src/collect/labelled-request.ts";
import { Ledger } from "../src/collect/ledger.ts";
import { parseSettings } from "../src/collect/settings.ts";
import { Store } from "../src/collect/store.ts";
import { type CollectProcess, startCollect, writeFiles } from "../src/collect/testdata/collect-process.ts";
import { SETTINGS_TEXT, tokenOf as signedToken } from "../src/collect/testdata/collecting.ts";
import { readTokenHead } from "../src/token/prediction-token.ts";
import { measureLooks } from "./collect/long-release.ts";

const REQUESTS = Number(process.argv[2] ?? 10_000_000);
/** Requests of one transaction while the table is made. */
const CHUNK = 100_000;
const HISTORY_SECONDS = 72 * 3_600;
/** New labels are of predictions of the last 25 minutes, within the maturity. */
const RECENT_SECONDS = 1_500;
const USERS = 200_000;
const TICKS_PER_SECOND = 100;
const BARS = { batchedPerCpuSecond: 30_000, singlesPerSecond: 5_000, restartSeconds: 5, lookCpuSeconds: 0.1 };

const folder = mkdtempSync(join(tmpdir(), "petrel-bench-collect-"));
const path = (name: string) => join(folder, name);
const nowSeconds = Math.floor(Date.now() / 1_000);
const scores = Uint16Array.of(25_600);

/** Numbers that look random and repeat in every run. */
function scrambled(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x45d9f3b);
  bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

function tokenOf(number: number, seconds: number): string {
  const requestId = Buffer.alloc(8);
  requestId.writeUInt32BE(scrambled(number), 0);
  requestId.writeUInt32BE(number, 4);
  return signedToken(number, {
    requestId,
    seconds,
    arm: number % 10 === 0 ? 1 : 0,
    user: `user-${scrambled(number) % USERS}`,
    rows: 1,
    scores,
  });
}

function makeTable(): void {
  const store = new Store(path("evidence.db"));
  // The sums are there before the labels, or the collector would make them from the table while it is measured.
  store.transaction(() => new Ledger(store).configure(parseSettings(SETTINGS_TEXT)));
  for (let done = 0; done < REQUESTS; done += CHUNK) {
    store.transaction(() => {
      const count = Math.min(CHUNK, REQUESTS - done);
      for (let index = 0; index < count; index++) {
        const number = done + index;
        // In the order of time, as they came.
        const seconds =
          nowSeconds - HISTORY_SECONDS + Math.floor((number / REQUESTS) * (HISTORY_SECONDS - 60));
        const token = withoutCode(Buffer.from(tokenOf(number, seconds), "base64url"));
        const event = { label: 1, row: 0, position: 1, delaySeconds: 30, value: 1, idHash: undefined };
        store.putRequest(
          requestKey(readTokenHead(token)),
          encodeRequest({
            token,
            excluded: false,
            final: false,
            shown: [],
            shownDelaySeconds: 0,
            events: [event],
          }),
        );
      }
      store.setNumber("requests", done + count);
    });
  }
  store.close();
}

interface Running extends CollectProcess {
  /** From the start of the process until it answers. */
  readonly startSeconds: number;
}

async function startCollector(): Promise<Running> {
  const start = performance.now();
  const collect = await startCollect(folder);
  await post(collect, new Agent(), JSON.stringify({ token: tokenOf(1, nowSeconds), events: [] }));
  return { ...collect, startSeconds: (performance.now() - start) / 1_000 };
}

function cpuSeconds({ child }: Running): number {
  const [, fields = ""] = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ");
  const [user = "0", system = "0"] = fields.split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

function post({ feedback }: CollectProcess, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(`${feedback}/feedback`, { agent, method: "POST" }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}

/** Posts bodies that were made before, on so many connections, and gives labels a second and a CPU second. */
async function measure(running: Running, bodies: readonly string[], labelsEach: number, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let next = 0;
  let accepted = 0;
  const client = async () => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      const answer = await post(running, agent, body);
      const other = /"(?!accepted)[a-z]+"(?=[,\]])/.exec(answer)?.[0];
      if (other !== undefined) throw new Error(`expected "accepted", got ${other}: ${answer.slice(0, 200)}`);
      accepted += answer.split('"accepted"').length - 1;
    }
  };
  const [cpu, start] = [cpuSeconds(running), performance.now()];
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - start) / 1_000;
  const cpuUsed = cpuSeconds(running) - cpu;
  agent.destroy();
  const labels = bodies.length * labelsEach;
  if (accepted !== labels) throw new Error(`expected ${labels} labels to be accepted, got ${accepted}`);
  return { perSecond: labels / seconds, perCpuSecond: labels / cpuUsed, cores: cpuUsed / seconds };
}

// Made anew for each measurement: on a slow machine labels would be late in the end.
let fresh = REQUESTS;
function bodiesOf(count: number, labelsEach: number): readonly string[] {
  return Array.from({ length: count }, () => {
    const objects = Array.from({ length: labelsEach }, () => {
      const number = fresh++;
      const seconds = Math.floor(Date.now() / 1_000) - (scrambled(number) % RECENT_SECONDS);
      return { token: tokenOf(number, seconds), events: [{ label: "click", row: 0, pos: 1 }] };
    });
    return JSON.stringify(labelsEach === 1 ? objects[0] : objects);
  });
}

let running: Running | undefined;
let missed = false;
function report(what: string, value: number, bar: number, holds: boolean): void {
  if (!holds) missed = true;
  console.log(
    `${what}: ${value < 100 ? value.toFixed(2) : Math.round(value)} (bar ${bar}): ${holds ? "held" : "MISSED"}`,
  );
}

try {
  writeFiles(folder);
  console.log(`Node ${process.version}, ${availableParallelism()} cores`);
  const start = performance.now();
  makeTable();
  const gigabytes = statSync(path("evidence.db")).size / 1e9;
  console.log(
    `${REQUESTS} requests with a label: ${gigabytes.toFixed(2)} GB, made in ${((performance.now() - start) / 1_000).toFixed(0)} s`,
  );
  running = await startCollector();
  await measure(running, bodiesOf(100, 100), 100, 8);
  const batched = await measure(running, bodiesOf(1_000, 100), 100, 16);
  console.log(
    `bodies of 100, 16 connections: ${Math.round(batched.perSecond)} labels a second on ${batched.cores.toFixed(2)} cores`,
  );
  report(
    "labels a CPU second, bodies of 100",
    batched.perCpuSecond,
    BARS.batchedPerCpuSecond,
    batched.perCpuSecond >= BARS.batchedPerCpuSecond,
  );
  const singles = await measure(running, bodiesOf(20_000, 1), 1, 128);
  console.log(
    `single posts, 128 connections: ${Math.round(singles.perSecond)} labels a second on ${singles.cores.toFixed(2)} cores`,
  );
  report(
    "labels a CPU second, single posts",
    singles.perCpuSecond,
    BARS.singlesPerSecond,
    singles.perCpuSecond >= BARS.singlesPerSecond,
  );
  // In the middle of the load, so that its log is as long as it gets.
  const lost = measure(running, bodiesOf(500, 100), 100, 16).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 500));
  running.child.kill("SIGKILL");
  await lost;
  running = await startCollector();
  report(
    "start after SIGKILL, seconds",
    running.startSeconds,
    BARS.restartSeconds,
    running.startSeconds <= BARS.restartSeconds,
  );
  running.child.kill("SIGTERM");
  const { cells, first, later, memoryBytes } = await measureLooks(path("long-release.db"));
  console.log(
    `release of nine days, ${cells} cells: first look ${first.toFixed(2)} CPU seconds, ${Math.round(memoryBytes / 2 ** 20)} MiB more memory`,
  );
  report("CPU seconds of a later look", later, BARS.lookCpuSeconds, later <= BARS.lookCpuSeconds);
} finally {
  running?.child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = missed ? 1 : 0;
