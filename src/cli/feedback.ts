/**
 * `petrel feedback import FILE`: brings labels that lie in a file to a collector, and counts what it says to them.
 */
import { readFile } from "node:fs/promises";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { EVENT_RESULTS, type EventResult, isEventResult } from "../api/event-result.ts";
import { systemClock } from "../core/clock.ts";
import { errorMessage } from "../core/log.ts";
import { wholeNumber } from "../process/whole-number.ts";
import { formatOfName, RECORD_FORMATS, type RecordFormat } from "../records/data-records.ts";
import { RecordError } from "../records/record-error.ts";
import { SourceError } from "../sources/model-source.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-code.ts";
import { FeedbackClient } from "./feedback/feedback-client.ts";
import { feedbackItems } from "./feedback/feedback-items.ts";
import { feedbackBytes } from "./feedback/feedback-source.ts";
import { importFeedback, type LineTrouble } from "./feedback/import-feedback.ts";
import { type AnswerCounts, ImportProgress } from "./feedback/import-progress.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { tableLines } from "./table.ts";
import { printable } from "./terminal-text.ts";
import { runVerb, timeoutOption, verb } from "./verb.ts";

interface Options {
  readonly to: URL;
  readonly format?: RecordFormat;
  readonly progress?: string;
  readonly ignore: readonly EventResult[];
  readonly batch: number;
  readonly caFile?: string;
  readonly authorizationFile?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly s3Credentials?: string;
  readonly timeout: number;
  readonly output: OutputFormat;
}

/** Answers after which a label is stored; the others are refusals. */
const STORED: readonly EventResult[] = ["accepted", "duplicate", "late"];
/** A collector takes 1,000 objects and 4 MiB unless it is told otherwise. */
const MAXIMUM_OBJECTS = 1_000;
const DEFAULT_OBJECTS = 500;
const MAXIMUM_BYTES = 2 * 1_048_576;
const MAXIMUM_TROUBLES = 20;

/** The verb `petrel feedback`. */
export function feedbackCommand(): Command {
  return verb("feedback", "Brings labels that lie in a file to a collector.")
    .addArgument(new Argument("<action>", "what to do").choices(["import"]))
    .argument(
      "<file>",
      "labels, as CSV or NDJSON: a path, a URI of file, http, https or s3, or - for standard input",
    )
    .addOption(
      new Option("--to <url>", "where the collector's feedback is taken")
        .argParser(urlOf)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--format <format>", "of the file, where its name does not tell").choices([
        ...RECORD_FORMATS,
      ]),
    )
    .option(
      "--progress <file>",
      "where it is kept how far the import is; one that was interrupted goes on there",
    )
    .option("--ignore <answer>", "do not fail on this answer; may be repeated", answerName, [])
    .option("--batch <count>", "objects of one post", wholeNumber(1, MAXIMUM_OBJECTS), DEFAULT_OBJECTS)
    .option("--ca-file <file>", "certificate authorities to trust besides the well-known ones, in PEM form")
    .option(
      "--authorization-file <file>",
      "value of the header Authorization, for what stands before the collector",
    )
    .option("--s3-endpoint <url>", "an S3 store other than Amazon's")
    .option("--s3-region <region>", "region of the S3 store")
    .option("--s3-credentials <folder>", "AWS_ACCESS_KEY_ID and so on, a file each")
    .addOption(timeoutOption("time for all of it"))
    .addOption(outputOption())
    .action((_: string, file: string, options: Options, command: Command) =>
      runVerb(command, () => run(file, options)),
    );
}

async function run(file: string, options: Options): Promise<ExitCode> {
  const format = options.format ?? formatOfName(file.replace(/\?.*$/s, ""));
  if (format === undefined) {
    throw new CommandError(EXIT.usage, `expected --format, for the name ${file} does not tell it`);
  }
  const timedOut = new AbortController();
  const cancel = systemClock.schedule(options.timeout, () => timedOut.abort());
  const troubles: LineTrouble[] = [];
  try {
    const progress = await ImportProgress.begin(options.progress);
    const authorities = options.caFile === undefined ? [] : [await textOf(options.caFile)];
    const client = new FeedbackClient({
      url: options.to,
      authorities,
      authorization:
        options.authorizationFile === undefined
          ? undefined
          : (await textOf(options.authorizationFile)).trim(),
      clock: systemClock,
      signal: timedOut.signal,
      onRetry: (message) => process.stderr.write(`trying again: ${printable(message)}\n`),
    });
    const chunks = feedbackBytes(file, { ...options, authorities }, timedOut.signal);
    const bounds = { maximumObjects: options.batch, maximumBytes: MAXIMUM_BYTES };
    let failure: unknown;
    try {
      await importFeedback(feedbackItems(chunks, format), client, progress, bounds, (trouble) => {
        if (troubles.length < MAXIMUM_TROUBLES) troubles.push(trouble);
      });
    } catch (error) {
      failure = error;
    }
    const { objects, resumedFrom, counts } = progress;
    const view = { complete: failure === undefined, objects, resumedFrom, events: counts, troubles };
    process.stdout.write(printed(options.output, view, () => importLines(view)));
    if (failure !== undefined) throw failure;
    return importExitCode(counts, options.ignore);
  } catch (error) {
    if (timedOut.signal.aborted) throw new CommandError(EXIT.timeout, "the time for the import is over");
    if (error instanceof SourceError) {
      // One that is terminal is about the address; the others may be over the next time.
      throw new CommandError(error.terminal ? EXIT.usage : EXIT.cluster, errorMessage(error));
    }
    const isAboutFile = error instanceof RecordError || (error instanceof Error && "syscall" in error);
    throw isAboutFile ? new CommandError(EXIT.usage, `${file}: ${errorMessage(error)}`) : error;
  } finally {
    cancel();
  }
}

/** What an import did, for people. */
interface ImportView {
  readonly complete: boolean;
  readonly objects: number;
  readonly resumedFrom: number;
  readonly events: AnswerCounts;
  readonly troubles: readonly LineTrouble[];
}

/** The result as a person reads it. Pure. */
export function importLines({
  complete,
  objects,
  resumedFrom,
  events,
  troubles,
}: ImportView): readonly string[] {
  const before = resumedFrom === 0 ? "" : `, ${resumedFrom} of them before`;
  return [
    `${objects} objects answered${before}${complete ? "" : "; not complete"}`,
    ...tableLines(
      EVENT_RESULTS.map((answer) => [answer, String(events[answer])]),
      "  ",
    ),
    ...troubles.map(({ line, message }) => `line ${line}: ${message}`),
  ];
}

/** Fails where a label was not stored and nobody said that this is all right. Pure. */
export function importExitCode(counts: AnswerCounts, ignored: readonly EventResult[]): ExitCode {
  const refused = EVENT_RESULTS.filter((answer) => !STORED.includes(answer) && !ignored.includes(answer));
  return refused.every((answer) => counts[answer] === 0) ? EXIT.done : EXIT.refused;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CommandError(EXIT.usage, `cannot read ${path}: ${errorMessage(error)}`);
  }
}

function urlOf(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new InvalidArgumentError("expected a URL such as https://ranker.example.com.");
}

function answerName(name: string, names: readonly EventResult[]): readonly EventResult[] {
  const refusals = EVENT_RESULTS.filter((answer) => !STORED.includes(answer));
  if (isEventResult(name) && refusals.includes(name)) return [...names, name];
  throw new InvalidArgumentError(`expected one of ${refusals.join(", ")}.`);
}
