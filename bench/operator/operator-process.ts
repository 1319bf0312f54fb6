/**
 * The real operator as a process of its own, as in a pod: compiled, and signed in by the files of a ServiceAccount,
 * which a private mount puts where a kubelet would. Needs root, for that mount.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMilliseconds } from "../process-cpu.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const READY_TIMEOUT_MILLISECONDS = 120_000;

/** Replaces /run for this process and its children alone, then becomes the program. */
const IN_POD = `
  mount -t tmpfs tmpfs /run
  mkdir -p /run/secrets/kubernetes.io
  cp -r "$1" /run/secrets/kubernetes.io/serviceaccount
  shift
  exec "$@"
`;

/** Where the operator signs in. */
export interface SignIn {
  readonly server: URL;
  readonly token: string;
  readonly authority: string;
  readonly namespace: string;
}

/** What the operator's metrics page says, by the whole name of a series. */
export type Metrics = ReadonlyMap<string, number>;

/** Compiles the sources to `dist`, as for the image. */
export function build(): void {
  execFileSync(join(ROOT, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json"], { cwd: ROOT });
}

/** A running operator. */
export class OperatorProcess {
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #logFile: string;

  constructor(folder: string, { server, token, authority, namespace }: SignIn, port: number) {
    const account = join(folder, "serviceaccount");
    mkdirSync(account, { recursive: true });
    writeFileSync(join(account, "token"), token);
    writeFileSync(join(account, "ca.crt"), authority);
    writeFileSync(join(account, "namespace"), namespace);
    this.#logFile = join(folder, "operator.log");
    const log = openSync(this.#logFile, "a");
    const operator = [
      process.execPath,
      join(ROOT, "dist", "main.js"),
      "operator",
      "--image=registry.example/petrel:bench",
      "--envoy-image=registry.example/envoy:bench",
      "--router-role=petrel-router",
      `--http-port=${port}`,
    ];
    // It ends with this process, in whatever way that ends.
    const inPod = [
      "--mount",
      "setpriv",
      "--pdeathsig",
      "KILL",
      "sh",
      "-ec",
      IN_POD,
      "sh",
      account,
      ...operator,
    ];
    this.#child = spawn("unshare", inPod, {
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env["PATH"] ?? "",
        POD_NAMESPACE: namespace,
        KUBERNETES_SERVICE_HOST: server.hostname,
        KUBERNETES_SERVICE_PORT: server.port,
      },
    });
    closeSync(log);
    this.#port = port;
  }

  /** Resolves when it leads. */
  async leads(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MILLISECONDS;
    while (performance.now() < deadline) {
      const metrics = await this.metrics().catch((error: unknown): Metrics => {
        if (this.#child.exitCode !== null) throw error;
        return new Map();
      });
      if (sum(metrics, "leader_election_master_status") === 1) return;
      await sleep(100);
    }
    throw this.#failure(`does not lead after ${READY_TIMEOUT_MILLISECONDS} ms`);
  }

  /** What its metrics page shows now. */
  async metrics(): Promise<Metrics> {
    // Without CPU of its own the machine costs the operator its lease, and it ends: no measurement goes on then.
    if (this.#child.exitCode !== null) throw this.#failure(`ended with ${this.#child.exitCode}`);
    const text = await (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
    const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      series.map((line): [string, number] => {
        const end = line.lastIndexOf(" ");
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  /** CPU time that it has used, of all its threads. */
  cpuMilliseconds(): number {
    return cpuMilliseconds(this.#child.pid ?? Number.NaN);
  }

  /** Resident memory in MiB: now, and at most since it began. */
  memoryMebibytes(): { readonly now: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    const read = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
    return { now: read("VmRSS"), peak: read("VmHWM") };
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  #failure(what: string): Error {
    const lines = readFileSync(this.#logFile, "utf8").trimEnd().split("\n").slice(-5);
    return new Error(`the operator ${what}:\n${lines.join("\n")}`);
  }
}

/** Sum of all series of a metric. */
export function sum(metrics: Metrics, name: string): number {
  return [...metrics].reduce(
    (all, [series, value]) => (series.split("{", 1)[0] === name ? all + value : all),
    0,
  );
}

/** Requests to the API server that the operator has counted itself, watches left out. */
export function countedRequests(metrics: Metrics): number {
  return sumOfRequests(metrics, (series) => !series.includes('method="WATCH"'));
}

/** Server-side applies among them: all that it writes but for its lease. */
export function countedApplies(metrics: Metrics): number {
  return sumOfRequests(metrics, (series) => series.includes('method="PATCH"'));
}

function sumOfRequests(metrics: Metrics, isMeant: (series: string) => boolean): number {
  return [...metrics].reduce(
    (all, [series, value]) =>
      series.startsWith("rest_client_requests_total{") && isMeant(series) ? all + value : all,
    0,
  );
}
