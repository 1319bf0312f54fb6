/**
 * `petrel evaluate`: judges a model on a labelled set before anybody is answered by it. Arguments, files, exit code; it
 * needs no cluster, and asks none.
 */
import { writeSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { parseDurationMilliseconds } from "../api/duration.ts";
import { EXECUTION_PROVIDERS } from "../api/runtime.ts";
import { CommandError, EXIT, type ExitCode } from "../cli/exit-code.ts";
import { type OutputFormat, outputOption, printed } from "../cli/output.ts";
import { runVerb, timeoutOption, verb } from "../cli/verb.ts";
import { systemClock } from "../core/clock.ts";
import { createLogger, errorMessage } from "../core/log.ts";
import { parseMaxSize, withSourceOptions } from "../fetch/command.ts";
import { FetchFailure } from "../fetch/failure.ts";
import { readSetting, type SourceOptions } from "../fetch/source-options.ts";
import { writeTerminationMessage } from "../fetch/termination-message.ts";
import { durationOption } from "../process/duration-option.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { RECORD_FORMATS, type RecordFormat } from "../records/data-records.ts";
import { RecordError } from "../records/record-error.ts";
import { SourceError } from "../sources/model-source.ts";
import { DataError, evaluate } from "./evaluate.ts";
import { EvaluateSettingsError, parseEvaluateSettings } from "./evaluate-settings.ts";
import { resultLines } from "./evaluation-result.ts";
import { problemLine, reportLine } from "./report-line.ts";

interface Options extends SourceOptions {
  readonly model: string;
  readonly baseline?: string;
  readonly data: string;
  readonly settings: string;
  readonly format?: RecordFormat;
  readonly result?: string;
  readonly terminationLog?: string;
  readonly output: OutputFormat;
  readonly maxDataSize: number;
  readonly maxRows: number;
  readonly executionProvider: string;
  readonly intraOpThreads: number;
  readonly requestTimeout: number;
  readonly timeout: number;
}

const DEFAULT_DATA_SIZE = "256Mi";

/** The verb `petrel evaluate`. */
export function evaluateCommand(): Command {
  const command = verb("evaluate", "Judges a model on a labelled set, alone or against another model.")
    .requiredOption("--model <directory>", "directory of the model that is judged")
    .requiredOption("--data <file>", "the labelled set: a path, or a URI that petrel fetch reads")
    .requiredOption("--settings <file>", "file that says what the columns are and what is checked")
    .option("--baseline <directory>", "directory of the model that it is compared with")
    .addOption(
      new Option("--format <format>", "of the set, where its name does not tell").choices([
        ...RECORD_FORMATS,
      ]),
    )
    .option("--result <file>", "where the result is written as JSON, too")
    .option("--termination-log <file>", "where a container tells the result in short, if the file exists")
    .addOption(outputOption())
    .addOption(
      new Option("--max-data-size <quantity>", "largest set")
        .argParser(parseMaxSize)
        .default(parseMaxSize(DEFAULT_DATA_SIZE), DEFAULT_DATA_SIZE),
    )
    .option("--max-rows <count>", "most rows of the set", wholeNumber(1, 100_000_000), 1_000_000)
    .addOption(
      new Option("--execution-provider <name>", "what computes the model")
        .choices([...EXECUTION_PROVIDERS])
        .default("CPU"),
    )
    .option("--intra-op-threads <count>", "threads for one operator of the model", wholeNumber(1, 256), 1)
    .addOption(
      new Option("--request-timeout <duration>", "time for one request")
        .argParser(durationOption("1ms", "1h"))
        .default(parseDurationMilliseconds("30s"), "30s"),
    )
    .addOption(timeoutOption("time for all of it"));
  return withSourceOptions(command).action((options: Options, self: Command) =>
    runVerb(self, () => run(options)),
  );
}

async function run(options: Options): Promise<ExitCode> {
  const { terminationLog } = options;
  try {
    return await evaluateAndTell(options);
  } catch (error) {
    if (terminationLog !== undefined)
      await writeTerminationMessage(terminationLog, problemLine(errorMessage(error)));
    throw error;
  }
}

async function evaluateAndTell(options: Options): Promise<ExitCode> {
  const timedOut = new AbortController();
  const cancel = systemClock.schedule(options.timeout, () => timedOut.abort());
  try {
    const settings = await settingsOf(options);
    const result = await evaluate(
      {
        settings,
        model: options.model,
        baseline: options.baseline,
        data: options.data,
        format: options.format,
        maximumBytes: options.maxDataSize,
        maximumRows: options.maxRows,
        serving: {
          executionProvider: options.executionProvider,
          intraOpThreads: options.intraOpThreads,
          requestTimeoutMilliseconds: options.requestTimeout,
        },
        sources: options,
      },
      {
        clock: systemClock,
        // Standard output is for the result.
        log: createLogger({
          write: (line) => process.stderr.write(line),
          now: systemClock.now,
          level: "warn",
        }),
        signal: timedOut.signal,
        onModelStuck: () => endStuck(options),
      },
    );
    if (options.result !== undefined) await writeFile(options.result, `${JSON.stringify(result, null, 2)}\n`);
    if (options.terminationLog !== undefined)
      await writeTerminationMessage(options.terminationLog, reportLine(result, settings.checks));
    process.stdout.write(printed(options.output, result, () => resultLines(result)));
    return result.passed ? EXIT.done : EXIT.refused;
  } catch (error) {
    if (timedOut.signal.aborted) throw new CommandError(EXIT.timeout, "the time for the evaluation is over");
    throw asCommandError(error);
  } finally {
    cancel();
  }
}

async function settingsOf({ settings, baseline }: Options) {
  const parsed = parseEvaluateSettings(await readSetting(settings));
  const compared = parsed.checks.find(({ rule }) => rule.type === "NotWorse");
  if (compared !== undefined && baseline === undefined) {
    throw new EvaluateSettingsError(`expected --baseline, for ${compared.metric} is compared with one`);
  }
  return parsed;
}

/** A model that is stuck in ONNX Runtime would abort the process with a core dump as Node ends its thread. */
async function endStuck({ terminationLog }: Options): Promise<void> {
  const message = "the model hangs, and cannot be freed";
  writeSync(2, `error: ${message}\n`);
  try {
    if (terminationLog !== undefined) await writeTerminationMessage(terminationLog, problemLine(message));
  } finally {
    process.kill(process.pid, "SIGKILL");
  }
}

/** A model that is no good is refused; all else that is wrong is how the command was called. */
function asCommandError(error: unknown): unknown {
  const isAboutCall =
    error instanceof EvaluateSettingsError ||
    error instanceof RecordError ||
    error instanceof DataError ||
    error instanceof SourceError ||
    error instanceof FetchFailure ||
    (error instanceof Error && "syscall" in error);
  return isAboutCall ? new CommandError(EXIT.usage, errorMessage(error)) : error;
}
