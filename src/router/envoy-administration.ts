/**
 * The client of Envoy's administration, on loopback. Every answer is bounded in size and time.
 */
import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { asList, asNumber, asString, parseJson, valueAt } from "../api/json.ts";
import {
  ACTIVE_REQUESTS_PATH,
  type EnvoyReport,
  EnvoyReportError,
  parseActiveRequests,
  parseEnvoyReport,
  REPORT_PATHS,
} from "./envoy-report.ts";
import type { CountingEnvoy } from "./first-try-counter.ts";
import { firstTryPath, parseFirstTryReport } from "./first-try-report.ts";
import type { LoadedEnvoy } from "./load-counter.ts";
import { LOAD_REPORT_PATH, parseLoadReport } from "./load-report.ts";

/** What a router asks of its Envoy. Every method rejects when Envoy does not answer in time, or strangely. */
export interface EnvoyAdministration {
  report(): Promise<EnvoyReport>;
  /** Whether Envoy is up and has begun to serve. Never rejects. */
  isReady(): Promise<boolean>;
  /** Requests of clients that are under way. */
  activeRequests(): Promise<number>;
  /** Has Envoy ask its clients to go elsewhere, answer by answer, and then close the listeners. */
  drain(): Promise<void>;
}

/** What a router asks of the Envoy whose log it reads. Each rejects as above. */
export interface LoggingEnvoy {
  /** Has Envoy close its log, wherever it was moved, and open a new one. */
  reopenLogs(): Promise<void>;
  /** Since when it runs, and how many of its writes to files have failed since. */
  logHealth(): Promise<{ readonly uptimeSeconds: number; readonly failedWrites: number }>;
}

const FAILED_WRITES = "filesystem.write_failed";
const FAILED_WRITES_PATH = `/stats?format=json&filter=${encodeURIComponent("^filesystem\\.write_failed$")}`;

const TIMEOUT_MILLISECONDS = 2_000;
/** 5,000 ModelDeployments with four clusters each, at some 400 bytes a cluster. */
const MAXIMUM_ANSWER_BYTES = 16 * 2 ** 20;

/** The administration on a port of loopback. */
export function envoyAdministration(port: number): EnvoyAdministration {
  const getJson = async (path: string): Promise<unknown> => JSON.parse(await call(port, "GET", path));
  return {
    async report() {
      const [stats, clusters, listeners] = await Promise.all([
        getJson(REPORT_PATHS.stats),
        getJson(REPORT_PATHS.clusters),
        getJson(REPORT_PATHS.listeners),
      ]);
      return parseEnvoyReport({ stats, clusters, listeners });
    },
    isReady: () =>
      call(port, "GET", "/ready").then(
        () => true,
        () => false,
      ),
    activeRequests: async () => parseActiveRequests(await getJson(ACTIVE_REQUESTS_PATH)),
    async drain() {
      await call(port, "POST", "/drain_listeners?graceful");
    },
  };
}

/** The counts of the Envoy whose administration is on a port of loopback. */
export function countingEnvoy(port: number): CountingEnvoy & LoadedEnvoy {
  const counts = async (path: string) => {
    const uptimeSeconds = await askUptimeSeconds(port);
    const answer: unknown = JSON.parse(await call(port, "GET", path));
    // The time of one Envoy with the counts of the next would make these look like what came since.
    if ((await askUptimeSeconds(port)) < uptimeSeconds)
      throw new EnvoyReportError("Envoy started anew while it was asked for what it has counted");
    return { answer, uptimeSeconds };
  };
  return {
    async firstTries(deployments) {
      const { answer, uptimeSeconds } = await counts(firstTryPath(deployments));
      return { ...parseFirstTryReport(answer), uptimeSeconds };
    },
    async load() {
      const { answer, uptimeSeconds } = await counts(LOAD_REPORT_PATH);
      return { counted: parseLoadReport(answer), uptimeSeconds };
    },
  };
}

/** The log of the Envoy whose administration is on a port of loopback. */
export function loggingEnvoy(port: number): LoggingEnvoy {
  return {
    async reopenLogs() {
      await call(port, "POST", "/reopen_logs");
    },
    async logHealth() {
      const uptimeSeconds = await askUptimeSeconds(port);
      const stats = asList(valueAt(parseJson(await call(port, "GET", FAILED_WRITES_PATH)), "stats"));
      const failedWrites = stats.find((stat) => valueAt(stat, "name") === FAILED_WRITES);
      // There is no such number before the first write.
      return {
        uptimeSeconds,
        failedWrites: asNumber(valueAt(failedWrites, "value")) ?? 0,
      };
    },
  };
}

/** For how long Envoy runs. Not the statistic `server.uptime`: that is brought up to date every 5 seconds only. */
async function askUptimeSeconds(port: number): Promise<number> {
  const answer = parseJson(await call(port, "GET", "/server_info"));
  const [, seconds] = /^(\d+)s$/.exec(asString(valueAt(answer, "uptime_current_epoch")) ?? "") ?? [];
  if (seconds === undefined) throw new EnvoyReportError("Envoy does not say since when it runs");
  return Number(seconds);
}

async function call(port: number, method: "GET" | "POST", path: string): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  try {
    return await exchange({ host: "127.0.0.1", port, method, path, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Error(`Envoy did not answer ${path} within ${TIMEOUT_MILLISECONDS} ms`, { cause: error });
  }
}

async function exchange(options: RequestOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request(options, resolve).once("error", reject).end();
  const response = await promise;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAXIMUM_ANSWER_BYTES) {
      throw new Error(`Envoy's answer to ${options.path} is larger than ${MAXIMUM_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  if (response.statusCode !== 200)
    throw new Error(`Envoy answered ${options.path} with ${response.statusCode}`);
  return Buffer.concat(chunks).toString("utf8");
}
