/**
 * `petrel sidecar`: its arguments, and who runs it: this thread, or one that is begun anew after each failure.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { MODEL_POD_PORT } from "../api/names.ts";
import { systemClock } from "../core/clock.ts";
import { LOG_LEVELS } from "../core/log.ts";
import { aborted } from "../process/aborted.ts";
import { durationOption } from "../process/duration-option.ts";
import { parseName } from "../process/name-option.ts";
import { parseSocketPath } from "../process/socket-path.ts";
import { stopOnSignals } from "../process/stop-on-signals.ts";
import { addTokenOptions } from "../process/token-minting.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { outliveFailures } from "./outlived-failures.ts";
import type { SidecarArguments } from "./run-sidecar.ts";
import { sidecarLog } from "./sidecar-log.ts";
import { startThread } from "./sidecar-thread.ts";

interface Arguments extends SidecarArguments {
  readonly outliveFailures?: true;
}

const LONGEST_DURATION = "24h";

/** The verb `petrel sidecar`. */
export function sidecarCommand(): Command {
  return addTokenOptions(new Command("sidecar"))
    .description(
      "Turns the requests of a model server into metrics and training data; before a foreign one it gives tokens, too.",
    )
    .option("--settings <path>", "file that says what is observed")
    .option("--tap-socket <path>", "Unix socket that the model server tells of its requests", parseSocketPath)
    .option("--rest-upstream <url>", "foreign runtime that is passed requests over HTTP/1.1", parseUpstream)
    .option("--grpc-upstream <url>", "foreign runtime that is passed calls over gRPC", parseUpstream)
    .option(
      "--model-name <name>",
      "name of the foreign runtime's model, for the training log",
      parseName,
      "model",
    )
    .option("--model-revision <name>", "model revision of the foreign runtime", parseName, "")
    .option("--rest-port <port>", "port before the runtime", wholeNumber(0, 65_535), MODEL_POD_PORT.rest)
    .option("--grpc-port <port>", "port before the runtime", wholeNumber(0, 65_535), MODEL_POD_PORT.grpc)
    .option("--max-connections <count>", "connections of each such port", wholeNumber(1, 65_536), 4_096)
    .option(
      "--request-timeout <duration>",
      "time for one request to the runtime",
      durationOption("1ms", LONGEST_DURATION),
      30_000,
    )
    .option(
      "--drain-timeout <duration>",
      "time for requests under way to end",
      durationOption("0s", LONGEST_DURATION),
      20_000,
    )
    .option("--listen-address <address>", "address of all ports", "0.0.0.0")
    .option(
      "--metrics-port <port>",
      "port of health and metrics",
      wholeNumber(0, 65_535),
      MODEL_POD_PORT.sidecar,
    )
    .addOption(
      new Option("--log-level <level>", "least severity of logs").choices([...LOG_LEVELS]).default("info"),
    )
    .option("--outlive-failures", "begins anew after a failure, in the same process, instead of ending")
    .action(async (options: Arguments) => {
      process.exitCode = await run(options);
    });
}

async function run({ outliveFailures: outlives, ...options }: Arguments): Promise<number> {
  const log = sidecarLog(options);
  const stopped = aborted(stopOnSignals(log));
  if (outlives !== true) {
    // Where it runs in a thread, this one needs none of it.
    const { runSidecar } = await import("./run-sidecar.ts");
    const code = await runSidecar(options, log, stopped);
    // What was opened before a failure would hold the process.
    return code === 0 ? code : process.exit(code);
  }
  await outliveFailures(() => startThread(options), { stopped, clock: systemClock, log });
  return 0;
}

function parseUpstream(text: string): string {
  const url = URL.parse(text);
  if (url !== null && url.protocol === "http:" && url.pathname === "/" && url.search === "") return text;
  throw new InvalidArgumentError(`expected a URL such as http://127.0.0.1:8000, got "${text}"`);
}
