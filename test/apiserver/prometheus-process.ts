/**
 * A real Prometheus on loopback that scrapes what a test exports, as tests start and end it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unpackedPackage } from "../../e2e/cluster/toolchain/unpacked-package.ts";
import { freePort } from "./router-envoy/envoy-process.ts";

const POLL_MILLISECONDS = 100;
const START_MILLISECONDS = 120_000;

/** A running Prometheus. */
export interface PrometheusProcess {
  readonly url: URL;
  /** The first value of a query; undefined when it has none. */
  valueOf(query: string): Promise<number | undefined>;
  /** SIGKILL; resolves when it is gone. */
  stop(): Promise<void>;
}

/** Starts one in a folder, with one target that is scraped every second. */
export async function startPrometheus(folder: string, target: string): Promise<PrometheusProcess> {
  const place = await unpackedPackage("prometheus");
  const port = await freePort();
  const configuration = join(folder, "prometheus.json");
  // YAML, of which JSON is a part.
  writeFileSync(
    configuration,
    JSON.stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s" },
      scrape_configs: [{ job_name: "shop", static_configs: [{ targets: [target] }] }],
    }),
  );
  const child = spawn(
    join(place, "usr/bin/prometheus"),
    [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let output = "";
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = new URL(`http://127.0.0.1:${port}/`);
  await untilReady(child, url, () => output);
  return {
    url,
    async valueOf(query) {
      const response = await fetch(new URL(`api/v1/query?${new URLSearchParams({ query })}`, url));
      const { data } = (await response.json()) as {
        data: { result: readonly { value: [number, string] }[] };
      };
      const value = data.result[0]?.value[1];
      return value === undefined ? undefined : Number(value);
    },
    stop() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

async function untilReady(child: ChildProcess, url: URL, output: () => string): Promise<void> {
  for (const end = Date.now() + START_MILLISECONDS; Date.now() < end; await sleep(POLL_MILLISECONDS)) {
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}: ${output()}`);
    const isReady = await fetch(new URL("-/ready", url)).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
  }
  throw new Error(`prometheus is not ready: ${output()}`);
}
