/**
 * The reference among Python servers of the Open Inference Protocol: MLServer, with ONNX Runtime in its own process
 * and no worker beside it, which is the least that it can cost.
 *
 * It is no part of Petrel and of no test. Where it is not installed, the bench says so and how to get it.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFolder } from "../../e2e/cluster/cache.ts";
import { freePort } from "../../test/apiserver/router-envoy/envoy-process.ts";
import { cpuMilliseconds } from "../process-cpu.ts";

const FOLDER = join(import.meta.dirname, "mlserver");
const READY_TIMEOUT_MILLISECONDS = 60_000;

/** The Python of the reference: `$PETREL_BENCH_PYTHON`, or the one of a virtual environment in the cache. */
function referencePython(): string {
  return process.env["PETREL_BENCH_PYTHON"] ?? join(cacheFolder(), "bench-mlserver", "bin", "python");
}

/** Why the reference cannot run, and what to do about it. `undefined` when it can. */
export function whyNoReference(): string | undefined {
  const python = referencePython();
  if (existsSync(python)) return undefined;
  const environment = join(python, "..", "..");
  return `there is no ${python}; python3 -m venv ${environment} && ${environment}/bin/pip install -r ${join(FOLDER, "requirements.txt")}`;
}

/** MLServer, running. */
export class PythonServer {
  readonly restPort: number;
  readonly grpcPort: number;
  readonly #child: ChildProcess;
  readonly #logFile: string;

  private constructor(folder: string, [restPort, grpcPort, metricsPort]: readonly number[]) {
    this.restPort = restPort ?? 0;
    this.grpcPort = grpcPort ?? 0;
    const settings = {
      debug: false,
      parallel_workers: 0,
      host: "127.0.0.1",
      http_port: restPort,
      grpc_port: grpcPort,
      metrics_port: metricsPort,
    };
    writeFileSync(join(folder, "settings.json"), JSON.stringify(settings));
    this.#logFile = join(folder, "mlserver.log");
    const log = openSync(this.#logFile, "w");
    this.#child = spawn(referencePython(), ["-c", "from mlserver.cli import main; main()", "start", folder], {
      cwd: folder,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
  }

  /** Starts it with a model named `m`, in a folder that it may write to. */
  static async start(folder: string, modelFile: string): Promise<PythonServer> {
    copyFileSync(join(FOLDER, "onnx_model.py"), join(folder, "onnx_model.py"));
    const model = { name: "m", implementation: "onnx_model.OnnxModel", parameters: { uri: modelFile } };
    writeFileSync(join(folder, "model-settings.json"), JSON.stringify(model));
    const server = new PythonServer(folder, [await freePort(), await freePort(), await freePort()]);
    await server.#isReady();
    return server;
  }

  /** Versions of what answers. */
  versions(): string {
    const script =
      "import mlserver, onnxruntime, platform as p; print(mlserver.__version__, onnxruntime.__version__, p.python_version())";
    const output = execFileSync(referencePython(), ["-c", script], { encoding: "utf8" });
    const [mlserver, onnxruntime, python] = output.trim().split(" ");
    return `MLServer ${mlserver}, onnxruntime ${onnxruntime}, Python ${python}`;
  }

  /** CPU time that it has used, all its threads. */
  cpuMicroseconds(): number {
    return cpuMilliseconds(this.#child.pid ?? Number.NaN) * 1_000;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async #isReady(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MILLISECONDS;
    while (performance.now() < deadline && this.#child.exitCode === null) {
      const url = `http://127.0.0.1:${this.restPort}/v2/models/m/ready`;
      const isReady = await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return;
      await sleep(100);
    }
    await this.stop();
    throw new Error(`MLServer is not ready:\n${readFileSync(this.#logFile, "utf8").slice(-2_000)}`);
  }
}
