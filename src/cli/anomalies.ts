/**
 * `petrel anomalies FILE`: the alarms that a watch of a series would have raised, so that a team can see what a rate of
 * false alarms means on its own numbers before it is woken by any.
 */
import { createReadStream } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { SEASONS, type Season } from "../anomaly/usual-values.ts";
import { formatDuration } from "../api/duration.ts";
import { errorMessage } from "../core/log.ts";
import { durationOption } from "../process/duration-option.ts";
import { dataRecords, formatOfName, RECORD_FORMATS, type RecordFormat } from "../records/data-records.ts";
import { RecordError } from "../records/record-error.ts";
import { type FoundAlarms, foundAlarms } from "./anomalies/found-alarms.ts";
import { slotValues } from "./anomalies/slot-values.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-code.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { tableLines } from "./table.ts";
import { runVerb, verb } from "./verb.ts";

interface Options {
  readonly falseAlarmEvery: number;
  readonly season: Season;
  readonly slot: number;
  readonly time: string;
  readonly value: string;
  readonly format?: RecordFormat;
  readonly output: OutputFormat;
}

const HOUR_MILLISECONDS = 3_600_000;
const DAY_MILLISECONDS = 24 * HOUR_MILLISECONDS;

/** The verb `petrel anomalies`. */
export function anomaliesCommand(): Command {
  return verb("anomalies", "Looks for anomalies in a series that lies in a file.")
    .argument("<file>", "times and values, as CSV or NDJSON, in order; - for standard input")
    .addOption(
      new Option("--false-alarm-every <duration>", "time in which one false alarm is allowed")
        .argParser(durationOption("24h", "8760h"))
        .default(30 * DAY_MILLISECONDS, "720h"),
    )
    .addOption(
      new Option("--season <season>", "what repeats itself in the series")
        .choices([...SEASONS])
        .default("week"),
    )
    .addOption(
      new Option("--slot <duration>", "time of which the values are one, by their mean; part of an hour")
        .argParser(slotOf)
        .default(300_000, "5m"),
    )
    .option("--time <name>", "column or member of the times", "time")
    .option("--value <name>", "column or member of the values", "value")
    .addOption(
      new Option("--format <format>", "of the file, where its name does not tell").choices([
        ...RECORD_FORMATS,
      ]),
    )
    .addOption(outputOption())
    .action((file: string, options: Options, command: Command) => runVerb(command, () => run(file, options)));
}

async function run(file: string, options: Options): Promise<ExitCode> {
  const { slot, falseAlarmEvery, season } = options;
  const format = options.format ?? formatOfName(file);
  if (format === undefined) {
    throw new CommandError(EXIT.usage, `expected --format, for the name ${file} does not tell it`);
  }
  try {
    const bytes = file === "-" ? process.stdin : createReadStream(file);
    const values = slotValues(dataRecords(bytes, format), { ...options, slotMilliseconds: slot });
    const settings = {
      series: options.value,
      slotsPerDay: DAY_MILLISECONDS / slot,
      season,
      daysPerFalseAlarm: falseAlarmEvery / DAY_MILLISECONDS,
    };
    const found = await foundAlarms(values, settings, slot);
    const view = {
      ...{ falseAlarmEvery: formatDuration(falseAlarmEvery), season, slot: formatDuration(slot) },
      ...found,
    };
    process.stdout.write(printed(options.output, view, () => anomalyLines(found, falseAlarmEvery)));
    return EXIT.done;
  } catch (error) {
    const isAboutFile = error instanceof RecordError || (error instanceof Error && "syscall" in error);
    throw isAboutFile ? new CommandError(EXIT.usage, `${file}: ${errorMessage(error)}`) : error;
  }
}

/** The result as a person reads it. Pure. */
export function anomalyLines(
  { from, to, values, missing, alarms }: FoundAlarms,
  falseAlarmEvery: number,
): readonly string[] {
  if (from === null || to === null) return ["no values"];
  const days = (values + missing === 0 ? 0 : Date.parse(to) - Date.parse(from)) / DAY_MILLISECONDS;
  const allowed = (days * DAY_MILLISECONDS) / falseAlarmEvery;
  const rows = alarms.map(({ since, raised, ended, detectors, value, low, high }) => [
    ...[since, raised, ended ?? "goes on", short(value), `${short(low)} to ${short(high)}`],
    detectors.join(", "),
  ]);
  return [
    `${values} values from ${from} to ${to}, ${missing} missing`,
    `${alarms.length} alarms; ${allowed.toFixed(1)} false ones are allowed in ${days.toFixed(1)} days`,
    ...(rows.length === 0
      ? []
      : tableLines([["SINCE", "RAISED", "ENDED", "VALUE", "EXPECTED", "DETECTORS"], ...rows], "  ")),
  ];
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function slotOf(text: string): number {
  const milliseconds = durationOption("1m", "1h")(text);
  if (Number.isInteger(HOUR_MILLISECONDS / milliseconds)) return milliseconds;
  throw new InvalidArgumentError(`expected a whole part of an hour, such as 5m, got "${text}"`);
}
