/**
 * `petrel probe`: the process around a prober. Arguments, signals, HTTP; no decision.
 */
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { Registry } from "prom-client";
import type { FaultType } from "../api/failover-drill.ts";
import { MAXIMUM_PROBE_SLOTS } from "../api/probe-record.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { FAULTS } from "../faults/register.ts";
import { aborted } from "../process/aborted.ts";
import { durationOption } from "../process/duration-option.ts";
import { startStatusServer } from "../process/status-server.ts";
import { stopOnSignals } from "../process/stop-on-signals.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { PROBE_RECORD_PATH, PROBER_PORT } from "../render/prober.ts";
import { ProbeClient } from "./probe-client.ts";
import { Prober } from "./prober.ts";

interface Arguments {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly bodyFile: string;
  readonly key: string;
  readonly pool: string;
  readonly fault: FaultType;
  readonly perSecond: number;
  readonly witnessesPerSecond: number;
  readonly timeout: number;
  readonly slowAfter: number;
  readonly longest: number;
  readonly httpPort: number;
}

const SLOT_MILLISECONDS = 100;

/** The verb `petrel probe`. */
export function probeCommand(): Command {
  return new Command("probe")
    .description("Sends the requests of a drill at a constant rate, and counts what becomes of them.")
    .requiredOption("--host <host>", "host of the Service")
    .requiredOption("--port <port>", "its port", wholeNumber(1, 65_535))
    .requiredOption("--path <path>", "path of the requests")
    .requiredOption("--body-file <path>", "file with the body of the requests")
    .requiredOption("--key <key>", "names the requests that take part in the drill")
    .requiredOption("--pool <pool>", "pool that the drill takes away")
    .requiredOption("--fault <type>", "fault of the drill", faultType)
    .option("--per-second <count>", "probes in a second", wholeNumber(1, 1_000), 50)
    .option("--witnesses-per-second <count>", "requests to the pool alone", wholeNumber(1, 100), 10)
    .option("--timeout <duration>", "an answer must have come by then", durationOption("1ms", "1m"), 2_000)
    .option("--slow-after <duration>", "later good answers are slow", durationOption("1ms", "1m"), 1_000)
    .option(
      "--longest <duration>",
      "ends by itself after this",
      durationOption("1s", `${(MAXIMUM_PROBE_SLOTS * SLOT_MILLISECONDS) / 60_000}m`),
      MAXIMUM_PROBE_SLOTS * SLOT_MILLISECONDS,
    )
    .option("--http-port <port>", "port of health and counts", wholeNumber(0, 65_535), PROBER_PORT)
    .action(run);
}

function faultType(text: string): FaultType {
  const types = Object.keys(FAULTS) as FaultType[];
  const found = types.find((type) => type === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`expected one of ${types.join(", ")}.`);
}

async function run(options: Arguments): Promise<void> {
  const log = createLogger({
    write: (line) => process.stdout.write(line),
    now: () => systemClock.now(),
    fields: { "service.name": "petrel-probe" },
  });
  const stop = stopOnSignals(log);
  const { host, port, path, timeout, slowAfter, longest, ...rest } = options;
  const client = new ProbeClient({ host, port, path, body: await readFile(options.bodyFile) }, systemClock);
  const prober = new Prober({
    ...rest,
    client,
    clock: systemClock,
    timeoutMilliseconds: timeout,
    slowMilliseconds: slowAfter,
    longestMilliseconds: longest,
    slotMilliseconds: SLOT_MILLISECONDS,
  });
  const server = await startStatusServer({
    port: options.httpPort,
    registry: new Registry(),
    checks: { "/healthz": () => undefined },
    documents: {
      // Whoever asks for another drill has an old address.
      [PROBE_RECORD_PATH]: (query) =>
        query.get("key") !== rest.key || prober.record === undefined
          ? undefined
          : JSON.stringify(prober.record),
    },
  });
  log.info("waiting for the routes of the drill", { "petrel.port": server.port });
  await prober.run(stop);
  log.info("all probes are sent");
  // What was counted is told until somebody ends the process.
  await aborted(stop);
  client.close();
  await server.close();
}
