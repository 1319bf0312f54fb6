/**
 * `petrel validate FILE...`: says before anybody applies them what the API server would refuse about manifests, and
 * what it accepts and is unwise. Reads files and nothing else: it needs no cluster, and asks none.
 */
import { readFile, stat } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { parseShare } from "../api/percentage.ts";
import { errorMessage } from "../core/log.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-code.ts";
import { type OutputFormat, outputOption, printed } from "./output.ts";
import { OUT_OF_REACH, type StatedTraffic } from "./validate/gate-plans.ts";
import { LINTS } from "./validate/lint/register.ts";
import { type Verdict, validateText } from "./validate/validate-text.ts";
import { countOf, joinedVerdict, verdictLines, verdictObject } from "./validate/verdict-lines.ts";
import { runVerb, verb } from "./verb.ts";

/** Longest file that is read: no object of the API server is longer, and few files hold ten such. */
const MAXIMUM_FILE_BYTES = 16 * 1024 * 1024;

/** As users come back, dispersion grows: to this within a day of a shop with heavy users. */
const DAY_OF_HEAVY_USERS = 4;

interface Options {
  readonly strict?: boolean;
  readonly ignore: readonly string[];
  readonly requestsPerSecond?: number;
  readonly rate?: number;
  readonly dispersion: number;
  readonly output: OutputFormat;
}

/** The verb `petrel validate`. */
export function validateCommand(): Command {
  return verb("validate", "Checks manifests without a cluster: schema, rules, and unwise settings.")
    .argument("<file...>", "files of manifests, YAML or JSON; - for standard input")
    .option("--strict", "fail on warnings, too")
    .option("--ignore <lint>", "do not warn about this; may be repeated", lintName, [])
    .option(
      "--requests-per-second <count>",
      "traffic at which quality gates are to decide; needs --rate",
      number(0, 1e9),
    )
    .option("--rate <percentage>", "share of its requests with a success, such as 5%", successRate)
    .option(
      "--dispersion <times>",
      "how much more sums of users vary than those of independent requests",
      number(0.01, 1e4),
      DAY_OF_HEAVY_USERS,
    )
    .addOption(outputOption())
    .action((files: readonly string[], options: Options, command: Command) =>
      runVerb(command, () => run(files, options)),
    );
}

function lintName(name: string, names: readonly string[]): readonly string[] {
  const known = [...LINTS.map((lint) => lint.name), OUT_OF_REACH];
  if (known.includes(name)) return [...names, name];
  throw new InvalidArgumentError(`expected one of ${known.join(", ")}.`);
}

/** A parser for a number above `above`, at most `maximum`. */
function number(above: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    if (value > above && value <= maximum) return value;
    throw new InvalidArgumentError(`expected a number above ${above}, at most ${maximum}, got "${text}"`);
  };
}

function successRate(text: string): number {
  const rate = /^\d{1,2}(\.\d{1,2})?%$/.test(text) ? parseShare(text) : Number.NaN;
  if (rate > 0) return rate;
  throw new InvalidArgumentError(`expected a percentage above 0% and below 100% such as 5%, got "${text}"`);
}

function trafficOf({ requestsPerSecond, rate, dispersion }: Options): StatedTraffic | undefined {
  if (requestsPerSecond === undefined && rate === undefined) return undefined;
  if (requestsPerSecond !== undefined && rate !== undefined) return { requestsPerSecond, rate, dispersion };
  throw new CommandError(EXIT.usage, "expected --requests-per-second and --rate together, got one of them");
}

async function run(files: readonly string[], options: Options): Promise<ExitCode> {
  const { strict, ignore, output } = options;
  const traffic = trafficOf(options);
  const ignored = new Set(ignore);
  const verdicts: Verdict[] = [];
  for (const file of files) verdicts.push(validateText(file, await textOf(file), ignored, traffic));
  const verdict = joinedVerdict(verdicts);
  process.stdout.write(printed(output, verdictObject(verdict), () => verdictLines(verdict)));
  return verdictExitCode(verdict, strict === true);
}

/** Warnings fail only where they are asked to. */
export function verdictExitCode(verdict: Verdict, strict: boolean): ExitCode {
  const bad = countOf(verdict, "Error") + (strict ? countOf(verdict, "Warning") : 0);
  return bad === 0 ? EXIT.done : EXIT.refused;
}

async function textOf(file: string): Promise<string> {
  try {
    if (file === "-") return await standardInput();
    const { size } = await stat(file);
    if (size > MAXIMUM_FILE_BYTES) throw tooLong();
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CommandError(EXIT.usage, `cannot read ${file}: ${errorMessage(error)}`);
  }
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAXIMUM_FILE_BYTES) throw tooLong();
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tooLong(): Error {
  return new Error(`expected at most ${MAXIMUM_FILE_BYTES} bytes`);
}
