/**
 * A real Prometheus on loopback that scrapes what a test exports, as tests start and end it.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackedPackage } from "../../e2e/cluster/toolchain/unpacked-package.ts";
import { type LoopbackProgram, startOnLoopback } from "./loopback-program.ts";

/** A running Prometheus. */
export interface PrometheusProcess extends LoopbackProgram {
  /** The first value of a query; undefined when it has none. */
  valueOf(query: string): Promise<number | undefined>;
  /** Whether a query has any value. Rejects, with what Prometheus says, for one that it does not take. */
  hasAnswer(query: string): Promise<boolean>;
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
  const configuration = join(folder, "prometheus.json");
  // YAML, of which JSON is a part.
  writeFileSync(configuration, JSON.stringify(content));
  const program = await startOnLoopback(join(place, "usr/bin/prometheus"), (address) => [
    `--config.file=${configuration}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=${address}`,
    "--log.level=error",
  ]);
  const ask = async (query: string): Promise<readonly { readonly value: readonly [number, string] }[]> => {
    const response = await fetch(new URL(`api/v1/query?${new URLSearchParams({ query })}`, program.url));
    const { data, error } = (await response.json()) as {
      data?: { result: readonly { value: [number, string] }[] };
      error?: string;
    };
    if (data === undefined) throw new Error(`${error}: ${query}`);
    return data.result;
  };
  return {
    ...program,
    async valueOf(query) {
      const value = (await ask(query))[0]?.value[1];
      return value === undefined ? undefined : Number(value);
    },
    async hasAnswer(query) {
      return (await ask(query)).length > 0;
    },
  };
}
