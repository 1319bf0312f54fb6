/**
 * How a command of the command line ends: one meaning for each code, whatever the verb, so that a pipeline can rely
 * on them. `docs/cli.md` lists them.
 */
import { KubeError } from "../kube/port.ts";

/** Exit codes. */
export const EXIT = {
  /** What was asked for is done, or holds. */
  done: 0,
  /** It does not hold and will not by itself: an invalid manifest, no such object, a stalled ModelDeployment. */
  refused: 1,
  /** The command was called in a wrong way. */
  usage: 2,
  /** The API server, the collector or a store gives no answer; or does not let this person in. */
  cluster: 3,
  /** Time ran out before what was waited for. */
  timeout: 4,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message and a code. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The code that an error ends a command with. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  if (!(error instanceof KubeError)) return EXIT.refused;
  const isAboutRequest = [400, 404, 409, 410, 422].includes(error.status);
  return isAboutRequest ? EXIT.refused : EXIT.cluster;
}
