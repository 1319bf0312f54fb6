/**
 * What every verb for people shares: how it is described, how a wrong call ends, and how an error does.
 *
 * A file of a verb makes its command here and registers it in `verbs.ts`; nothing else knows about it.
 */
import { Command, type CommanderError, Option } from "commander";
import { errorMessage } from "../core/log.ts";
import { durationOption } from "../process/duration-option.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { printable } from "./terminal-text.ts";

/** Marks the end that {@link runVerb} has chosen the exit code of. */
const CHOSEN = "petrel.ended";

/** Ends the process on an error of commander: whatever it finds wrong itself is a wrong call. */
export function endProcess(error: CommanderError): never {
  process.exit(error.code === CHOSEN || error.exitCode === 0 ? error.exitCode : EXIT.usage);
}

/** A command whose wrong calls end with {@link EXIT.usage}. */
export function verb(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride(endProcess)
    .showHelpAfterError(`(petrel ${name} --help tells how)`);
}

/** Runs what a verb does and ends the process with the code of its result, or of its error. */
export async function runVerb(command: Command, action: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await action();
  } catch (error) {
    command.showHelpAfterError(false);
    command.error(`error: ${printable(errorMessage(error))}`, { code: CHOSEN, exitCode: exitCodeOf(error) });
  }
}

/** Models of gigabytes are fetched pod by pod. */
const DEFAULT_TIMEOUT_MILLISECONDS = 30 * 60_000;

/** The option `--timeout`, in milliseconds. */
export function timeoutOption(description: string): Option {
  return new Option("--timeout <duration>", description)
    .argParser(durationOption())
    .default(DEFAULT_TIMEOUT_MILLISECONDS, "30m");
}
