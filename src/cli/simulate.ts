/**
 * `petrel simulate`: what Petrel's planner of autoscaling would do on a load, so that a team chooses its settings before it pays
 * for them. It runs the code that decides in a cluster over a clock of its own, and needs no cluster.
 */
import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { AUTOSCALING_DEFAULTS, type AutoscalingSettings } from "../core/autoscaling/recommend.ts";
import type { Schedule } from "../core/autoscaling/schedules.ts";
import { errorMessage } from "../core/log.ts";
import { durationOption } from "../process/duration-option.ts";
import { dataRecords, formatOfName, RECORD_FORMATS, type RecordFormat } from "../records/data-records.ts";
import { RecordError } from "../records/record-error.ts";
import { Chance } from "../stats/chance.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-code.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { arrivalsOf } from "./simulate/arrivals.ts";
import { drawing } from "./simulate/drawing.ts";
import { peakOf, scaledTo, secondsOf } from "./simulate/load-trace.ts";
import { ManifestError, manifestAutoscaling } from "./simulate/manifest-autoscaling.ts";
import {
  nextLoss,
  nextSchedule,
  nextSilence,
  nextTarget,
  positiveNumber,
  wholeNumber,
} from "./simulate/option-values.ts";
import type { Fault } from "./simulate/replay.ts";
import { simulated } from "./simulate/simulation.ts";
import { runLines, runView } from "./simulate/simulation-view.ts";
import { syntheticShop } from "./simulate/synthetic-trace.ts";
import { type ReadTrace, readTrace } from "./simulate/trace-file.ts";
import { runVerb, verb } from "./verb.ts";

interface Options {
  readonly trace?: string;
  readonly time: string;
  readonly value: string;
  readonly per: number;
  readonly format?: RecordFormat;
  readonly peak?: number;
  readonly days: number;
  readonly seed: number;
  readonly service: number;
  readonly concurrency: number;
  readonly allowedWait: number;
  readonly target?: readonly number[];
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
  readonly load: number;
  readonly slowLoad?: number;
  readonly replicasPerNode?: number;
  readonly nodeStart: number;
  readonly schedule: readonly Schedule[];
  readonly forecast: boolean;
  readonly lose: readonly Fault[];
  readonly silence: readonly Fault[];
  readonly svg?: string;
  readonly output: OutputFormat;
}

/** Five weeks take about 100 MB. */
const MOST_DAYS = 35;
const MINUTES_PER_DAY = 1_440;
const DEFAULT_TARGET = 0.7;
const SYNTHETIC_PEAK = 500;
const BUCKETS = 1_100;

/** The verb `petrel simulate`. */
export function simulateCommand(): Command {
  return verb("simulate", "Simulates autoscaling on a load: replicas, waiting, cost. Needs no cluster.")
    .argument("[file]", "manifest whose spec.autoscaling is simulated; - for standard input")
    .option(
      "--trace <file>",
      "times and values, as CSV or NDJSON, in order; - for standard input; else a made shop",
    )
    .option("--time <name>", "column or member of the times", "time")
    .option("--value <name>", "column or member of the values", "value")
    .addOption(duration("--per", "time whose requests a value counts", "1s", "1s", "24h"))
    .addOption(
      new Option("--format <format>", "of the trace, where its name does not tell").choices([
        ...RECORD_FORMATS,
      ]),
    )
    .option(
      "--peak <count>",
      "scale the load so that its highest minute has so many requests a second",
      positiveNumber,
    )
    .option("--days <count>", "of the made shop", wholeNumber(1, MOST_DAYS), 14)
    .option("--seed <number>", "of all chance", wholeNumber(0, 999_999_999), 1)
    .addOption(duration("--service", "time that a request takes", "200ms", "1ms", "10m"))
    .option("--concurrency <count>", "requests that a replica can work on at once", wholeNumber(1, 10_000), 4)
    .addOption(duration("--allowed-wait", "time that a request may wait", "800ms", "0s", "10m"))
    .option(
      "--target <percentage>",
      "share of the concurrency to use, 70% by default; may be repeated",
      nextTarget,
    )
    .option("--min-replicas <count>", "at least, 1 by default", wholeNumber(1, 10_000))
    .option("--max-replicas <count>", "at most, 100 by default", wholeNumber(1, 10_000))
    .addOption(duration("--load", "time until a replica serves, once it has a node", "2m", "1s", "2h"))
    .addOption(
      new Option("--slow-load <duration>", "the same, for the slowest of 20; --load by default").argParser(
        durationOption("1s", "2h"),
      ),
    )
    .option("--replicas-per-node <count>", "room of a node, where nodes must be added", wholeNumber(1, 1_000))
    .addOption(duration("--node-start", "time until a new node takes replicas", "2m", "0s", "2h"))
    .option(
      "--schedule <text>",
      "a declared event, such as '0 20 * * *;Asia/Shanghai;2h;16'; may be repeated",
      nextSchedule,
      [],
    )
    .option("--no-forecast", "never use a forecast, even where it shows skill")
    .option(
      "--lose <text>",
      "replicas that break, such as 3@26h after the start; may be repeated",
      nextLoss,
      [],
    )
    .option("--silence <text>", "no news of the load, such as 30m@26h; may be repeated", nextSilence, [])
    .option("--svg <file>", "draw the first target into this file")
    .addOption(outputOption())
    .action((file: string | undefined, options: Options, command: Command) =>
      runVerb(command, () => run(file, options)),
    );
}

function duration(flag: string, description: string, text: string, least: string, most: string): Option {
  const parser = durationOption(least, most);
  return new Option(`${flag} <duration>`, description).argParser(parser).default(parser(text), text);
}

async function run(file: string | undefined, options: Options): Promise<ExitCode> {
  const { load, slowLoad = load, svg } = options;
  if (file === "-" && options.trace === "-")
    throw wrong("standard input to be the manifest or the trace, got both");
  const rows = file === undefined ? rowsOf(options) : [await rowOf(file, options)];
  if (slowLoad < load) throw wrong(`--slow-load not to be less than --load`);
  const { trace: read, missing } = await traceOf(options);
  const trace = options.peak === undefined ? read : scaledTo(read, options.peak);
  // One stream for all arrivals, and one for each target, so that targets do not differ by chance.
  const arrivals = arrivalsOf(trace, new Chance(options.seed));
  const settings = {
    ...{ trace, arrivals },
    service: {
      serviceSeconds: options.service / 1_000,
      concurrency: options.concurrency,
      allowedWaitSeconds: options.allowedWait / 1_000,
    },
    ...{
      loadSeconds: load / 1_000,
      slowLoadSeconds: slowLoad / 1_000,
      nodeSeconds: options.nodeStart / 1_000,
    },
    ...(options.replicasPerNode === undefined ? {} : { replicasPerNode: options.replicasPerNode }),
    faults: [...options.lose, ...options.silence],
  };
  const runs = rows.map(({ name, autoscaling, forecast }) => ({
    name,
    run: simulated({ ...settings, forecast }, autoscaling, BUCKETS, new Chance(options.seed + 1)),
  }));
  const from = new Date(trace.startMilliseconds).toISOString();
  const [seconds, peak] = [secondsOf(trace), peakOf(trace)];
  const shown = runs.map(({ name, run: one }) => runView(name, one));
  const view = { from, days: seconds / 86_400, peak, missing, runs: shown };
  process.stdout.write(printed(options.output, view, () => runLines(view)));
  const [first] = runs;
  if (svg !== undefined && first !== undefined) {
    const what = typeof first.name === "number" ? `target ${(100 * first.name).toFixed(0)} %` : first.name;
    const title = `${what}, load ${load / 1_000} s, ${options.trace ?? "a made shop"}`;
    const { buckets } = first.run;
    const picture = { title, startMilliseconds: trace.startMilliseconds, seconds, buckets };
    await written(svg, drawing(picture));
  }
  return EXIT.done;
}

/** A setting that is simulated: by the share of the concurrency to use, or by the file that has it. */
interface Row {
  readonly name: number | string;
  readonly autoscaling: AutoscalingSettings;
  readonly forecast: boolean;
}

function rowsOf(options: Options): readonly Row[] {
  const { minReplicas = 1, maxReplicas = 100, concurrency, schedule: schedules, forecast } = options;
  if (minReplicas > maxReplicas) throw wrong(`--max-replicas of at least ${minReplicas}, got ${maxReplicas}`);
  return (options.target ?? [DEFAULT_TARGET]).map((target) => ({
    name: target,
    forecast,
    autoscaling: {
      ...AUTOSCALING_DEFAULTS,
      ...{ minReplicas, maxReplicas, schedules },
      targets: [{ type: "Concurrency", perReplica: target * concurrency }],
    },
  }));
}

/** What the manifest says is said once: flags that say the same would have to win or lose. */
async function rowOf(file: string, options: Options): Promise<Row> {
  const { target, minReplicas, maxReplicas, schedule, forecast } = options;
  const isSaidTwice =
    [target, minReplicas, maxReplicas].some((value) => value !== undefined) ||
    schedule.length > 0 ||
    !forecast;
  if (isSaidTwice)
    throw wrong(
      "targets, bounds, schedules and forecast to stand in the manifest alone, got flags for them as well",
    );
  try {
    const { settings, forecast: isForecast } = manifestAutoscaling(file, await readText(file));
    return { name: file, autoscaling: settings, forecast: isForecast };
  } catch (error) {
    const isAboutFile = error instanceof ManifestError || (error instanceof Error && "syscall" in error);
    throw isAboutFile ? new CommandError(EXIT.usage, `${file}: ${errorMessage(error)}`) : error;
  }
}

async function readText(file: string): Promise<string> {
  return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
}

async function traceOf(options: Options): Promise<ReadTrace> {
  const { trace: file, days, seed, per } = options;
  if (file === undefined) {
    const shop = scaledTo(syntheticShop(days, new Chance(seed)), SYNTHETIC_PEAK);
    return { trace: shop, missing: 0 };
  }
  const format = options.format ?? formatOfName(file);
  if (format === undefined) throw wrong(`--format, for the name ${file} does not tell it`);
  try {
    const bytes = file === "-" ? process.stdin : createReadStream(file);
    return await readTrace(
      dataRecords(bytes, format),
      { ...options, perSeconds: per / 1_000 },
      MOST_DAYS * MINUTES_PER_DAY,
    );
  } catch (error) {
    const isAboutFile =
      error instanceof RecordError ||
      error instanceof RangeError ||
      (error instanceof Error && "syscall" in error);
    throw isAboutFile ? new CommandError(EXIT.usage, `${file}: ${errorMessage(error)}`) : error;
  }
}

async function written(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new CommandError(EXIT.usage, `cannot write ${file}: ${errorMessage(error)}`);
  }
}

function wrong(expected: string): CommandError {
  return new CommandError(EXIT.usage, `expected ${expected}`);
}
