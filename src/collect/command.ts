/**
 * `petrel collect`: the process around a collector. Arguments, files, signals, ports; no decision.
 */
import { hostname } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../core/clock.ts";
import { createLogger, LOG_LEVELS, type LogLevel } from "../core/log.ts";
import { aborted } from "../process/aborted.ts";
import { close, listen } from "../process/bounded-http-server.ts";
import { durationOption } from "../process/duration-option.ts";
import { startStatusServer } from "../process/status-server.ts";
import { stopOnSignals } from "../process/stop-on-signals.ts";
import { readBoundedFile, watchFiles } from "../process/watched-files.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { KeyRing } from "../token/key-ring.ts";
import { showTrainingLogs } from "../training-log/log-metrics.ts";
import { feedbackServer, internalServer } from "./collect-server.ts";
import { Collector } from "./collector.ts";
import { LabelLogs } from "./label-logs.ts";
import { httpHandOn, type Partition } from "./partitions.ts";
import { parseSettings } from "./settings.ts";
import { Store } from "./store.ts";

interface Arguments {
  readonly file: string;
  readonly settings: string;
  readonly keys: string;
  readonly accessTokens: string;
  readonly partition: Partition;
  readonly peers: string;
  readonly listenAddress: string;
  readonly port: number;
  readonly internalPort: number;
  readonly metricsPort: number;
  readonly retention: number;
  readonly evidenceRetention: number;
  readonly maxRequests: number;
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  readonly maxQueuedEvents: number;
  readonly requestTimeout: number;
  readonly logLevel: LogLevel;
}

const LEAST_ACCESS_TOKEN_LENGTH = 16;
const HOUR_MILLISECONDS = 3_600_000;
const LONGEST_RETENTION = "8760h";
/** A request without an end would be one without a bound. */
const LONGEST_REQUEST = "1h";

/** The verb `petrel collect`. */
export function collectCommand(): Command {
  return new Command("collect")
    .description("Counts impressions, takes feedback, joins the two and keeps the evidence.")
    .requiredOption("--file <path>", "file of the evidence; made when it is not there")
    .requiredOption("--settings <path>", "file that says what is collected")
    .requiredOption("--keys <path>", "file of the keys of prediction tokens")
    .requiredOption("--access-tokens <path>", "file of what opens the internal port, one a line")
    .option("--partition <index/count>", "which users, from 0/1", parsePartition, { index: 0, count: 1 })
    .option(
      "--peers <url>",
      "internal address of the others, with {partition} for the number",
      parsePeers,
      "",
    )
    .option("--listen-address <address>", "address of all ports", "0.0.0.0")
    .option("--port <port>", "port of feedback", wholeNumber(0, 65_535), 8085)
    .option("--internal-port <port>", "port of impressions and evidence", wholeNumber(0, 65_535), 8086)
    .option("--metrics-port <port>", "port of health and metrics", wholeNumber(0, 65_535), 9090)
    .option(
      "--retention <duration>",
      'how long labels may come after their prediction (default: "96h")',
      durationOption("1m", LONGEST_RETENTION),
      96 * HOUR_MILLISECONDS,
    )
    .option(
      "--evidence-retention <duration>",
      'how long what was counted is kept (default: "1080h")',
      durationOption("1m", LONGEST_RETENTION),
      1_080 * HOUR_MILLISECONDS,
    )
    .option(
      "--max-requests <count>",
      "requests that are kept, of those of which anything was told, the newest",
      wholeNumber(1, 1_000_000_000),
      20_000_000,
    )
    .option("--max-body-bytes <bytes>", "largest body", wholeNumber(1_024, 2 ** 26), 4 * 2 ** 20)
    .option("--max-connections <count>", "connections of each port", wholeNumber(1, 65_536), 1_024)
    .option(
      "--max-queued-events <count>",
      "events that wait to be stored",
      wholeNumber(1, 10_000_000),
      100_000,
    )
    .option(
      "--request-timeout <duration>",
      'time for one request (default: "10s")',
      durationOption("1ms", LONGEST_REQUEST),
      10_000,
    )
    .addOption(
      new Option("--log-level <level>", "least severity of logs").choices([...LOG_LEVELS]).default("info"),
    )
    .action(async (options: Arguments) => {
      process.exitCode = await run(options);
    });
}

async function run(options: Arguments): Promise<number> {
  const clock = systemClock;
  const log = createLogger({
    write: (line) => process.stdout.write(line),
    now: clock.now,
    level: options.logLevel,
    fields: { "service.name": "petrel-collect" },
  });
  const stopped = aborted(stopOnSignals(log));
  try {
    if (options.partition.count > 1 && options.peers === "") {
      throw new Error("expected --peers where there is more than one partition");
    }
    const texts = [options.settings, options.keys, options.accessTokens].map(readBoundedFile);
    const [settingsText = "", keysText = "", tokensText = ""] = texts;
    let accessTokens = accessTokensOf(tokensText);
    const settings = parseSettings(settingsText);
    const name = hostname();
    const logs = new LabelLogs({ name, environment: process.env, clock, log, random: Math.random });
    const collector = new Collector({
      store: new Store(options.file),
      clock,
      log,
      settings,
      ring: KeyRing.parse(keysText),
      partition: options.partition,
      handOn: httpHandOn(options.peers, () => accessTokens[0] ?? ""),
      retention: {
        requestSeconds: options.retention / 1_000,
        maximumRequests: options.maxRequests,
        evidenceSeconds: options.evidenceRetention / 1_000,
      },
      maximumWaiting: options.maxQueuedEvents,
      onLabels: (labels) => logs.take(labels),
    });
    logs.configure(settings);
    showTrainingLogs(collector.metrics.registry, () => logs.shown());
    const serving = {
      collector,
      log,
      maximumBodyBytes: options.maxBodyBytes,
      maximumConnections: options.maxConnections,
      requestTimeoutMilliseconds: options.requestTimeout,
      accessTokens: () => accessTokens,
    };
    const servers = [feedbackServer(serving), internalServer(serving)] as const;
    const ports = [
      await listen(servers[0], options.listenAddress, options.port),
      await listen(servers[1], options.listenAddress, options.internalPort),
    ];
    let isStopping = false;
    const status = await startStatusServer({
      host: options.listenAddress,
      port: options.metricsPort,
      registry: collector.metrics.registry,
      checks: { "/readyz": () => (isStopping ? "stopping" : collector.problem) },
    });
    const stopWatching = watchFiles(
      [
        {
          path: options.settings,
          async use(text) {
            const changed = parseSettings(text);
            await collector.configure(changed);
            logs.configure(changed);
          },
        },
        { path: options.keys, use: (text) => collector.useKeys(KeyRing.parse(text)) },
        {
          path: options.accessTokens,
          use: (text) => {
            accessTokens = accessTokensOf(text);
          },
        },
      ],
      texts,
      clock,
      log,
      (isValid) => collector.noteConfiguration(isValid),
    );
    log.info("collecting", {
      "petrel.port": ports[0],
      "petrel.internal_port": ports[1],
      "petrel.metrics_port": status.port,
    });
    await stopped;
    isStopping = true;
    stopWatching();
    await Promise.all(servers.map(close));
    await collector.close();
    await logs.close();
    await status.close();
    log.info("stopped");
    return 0;
  } catch (error) {
    log.error("the collector ends", { error });
    return 1;
  }
}

function accessTokensOf(text: string): readonly string[] {
  const tokens = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (tokens.length === 0 || tokens.some((token) => token.length < LEAST_ACCESS_TOKEN_LENGTH)) {
    throw new Error(`expected access tokens of at least ${LEAST_ACCESS_TOKEN_LENGTH} characters, one a line`);
  }
  return tokens;
}

function parsePartition(text: string): Partition {
  const [, index = "", count = ""] = /^(\d{1,3})\/(\d{1,3})$/.exec(text) ?? [];
  const partition = { index: Number(index), count: Number(count) };
  // Groups are what is divided.
  if (count !== "" && partition.count >= 1 && partition.count <= 128 && partition.index < partition.count) {
    return partition;
  }
  throw new InvalidArgumentError(`expected a partition such as 0/1 or 2/4, of at most 128, got "${text}"`);
}

function parsePeers(text: string): string {
  const url = URL.parse(text.replaceAll("{partition}", "0"));
  if (url !== null && /^https?:$/.test(url.protocol) && !text.endsWith("/")) return text;
  throw new InvalidArgumentError(
    `expected a URL such as http://collect-{partition}.collect:8086, got "${text}"`,
  );
}
