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
  /** Whether a query has any value. Rejects, with what Prometheus says, for one that it does not take. */
  hasAnswer(query: string): Promise<boolean>;
  /** SIGKILL; resolves when it is gone. */
  stop(): Promise<void>;
}

/** A configuration with one target that is scraped every second. */
export function scraping(target: string): object {
  return {
    global: { scrape_interval: "1s", scrape_timeout: "1s" },
    scrape_configs: [{ job_name: "shop", static_configs: [{ targets: [target] }] }],
  };
}

/** Starts one in a folder. */
export async function startPrometheus(folder: string, content: object): Promise<PrometheusProcess> {
  const place = await unpackedPackage("prometheus");
  const port = await freePort();
  const configuration = join(folder, "prometheus.json");
  // YAML, of which JSON is a part.
  writeFileSync(configuration, JSON.stringify(content));
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
  const ask = async (query: string): Promise<readonly { readonly value: readonly [number, string] }[]> => {
    const response = await fetch(new URL(`api/v1/query?${new URLSearchParams({ query })}`, url));
    const { data, error } = (await response.json()) as {
      data?: { result: readonly { value: [number, string] }[] };
      error?: string;
    };
    if (data === undefined) throw new Error(`${error}: ${query}`);
    return data.result;
  };
  return {
    url,
    async valueOf(query) {
      const value = (await ask(query))[0]?.value[1];
      return value === undefined ? undefined : Number(value);
    },
    async hasAnswer(query) {
      return (await ask(query)).length > 0;
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
