/**
 * `petrel operator` as a process beside a real kube-apiserver.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseJson } from "../../src/api/json.ts";
import { freePort } from "./router-envoy/envoy-process.ts";

/** Namespace of the operator's lease. */
export const OPERATOR_NAMESPACE = "petrel-system";

const LEADS = 'leader_election_master_status{name="petrel-operator"} 1';

/** A running operator. */
export class OperatorProcess {
  readonly child: ChildProcess;
  readonly #port: number;
  #log = "";

  private constructor(kubeconfig: string, port: number, more: readonly string[]) {
    this.#port = port;
    const main = join(import.meta.dirname, "../../src/main.ts");
    const options = {
      image: "registry.example/petrel:1",
      "envoy-image": "registry.example/envoy:1",
      "router-role": "petrel-router",
      namespace: OPERATOR_NAMESPACE,
      "http-port": String(port),
    };
    const flags = [...Object.entries(options).map(([name, value]) => `--${name}=${value}`), ...more];
    const env = { ...process.env, KUBECONFIG: kubeconfig };
    this.child = spawn(process.execPath, [main, "operator", ...flags], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
  }

  /** Starts one that signs in with a kubeconfig, with `more` arguments. Its namespace must be there. The caller ends it. */
  static async start(kubeconfig: string, ...more: readonly string[]): Promise<OperatorProcess> {
    return new OperatorProcess(kubeconfig, await freePort(), more);
  }

  /** Status and body of an answer; status 0 when none came. */
  async answer(path: string): Promise<{ readonly status: number; readonly body: string }> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}${path}`);
      return { status: response.status, body: await response.text() };
    } catch {
      return { status: 0, body: "" };
    }
  }

  async isReady(): Promise<boolean> {
    return (await this.answer("/readyz")).status === 200;
  }

  async leads(): Promise<boolean> {
    return (await this.answer("/metrics")).body.includes(LEADS);
  }

  lines(): readonly unknown[] {
    const whole = this.#log.slice(0, this.#log.lastIndexOf("\n") + 1);
    return whole
      .split("\n")
      .filter((line) => line !== "")
      .map(parseJson);
  }

  /** Resolves with the code with which it ends. */
  async ended(): Promise<unknown> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    const [code] = await once(this.child, "exit");
    return code;
  }
}
