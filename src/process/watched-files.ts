/**
 * Files that may change while the program runs: settings, keys, access tokens. A mounted Secret changes by a moved link,
 * which not every file system tells, so the files are read again now and then.
 *
 * A file that is wrong or gone leaves what is in effect as it is, says so once, and is tried again until it can be used.
 */
import { readFileSync, statSync } from "node:fs";
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";

/** One file that is looked at. */
export interface WatchedFile {
  readonly path: string;
  /** Takes a new content; what it throws is logged, so it must hold no secret. */
  readonly use: (text: string) => void | Promise<void>;
}

const PERIOD_MILLISECONDS = 5_000;
const MAXIMUM_BYTES = 64 * 2 ** 20;

/** Reads a file of at most 64 MiB. */
export function readBoundedFile(path: string): string {
  const { size } = statSync(path);
  if (size > MAXIMUM_BYTES) throw new Error(`expected a file of at most ${MAXIMUM_BYTES} bytes, got ${size}`);
  return readFileSync(path, "utf8");
}

/** Looks at the files until it is stopped. `initial` are the contents in effect; `onState` hears after each look whether all of them could be used. */
export function watchFiles(
  files: readonly WatchedFile[],
  initial: readonly string[],
  clock: Clock,
  log: Logger,
  onState: (isValid: boolean) => void,
): () => void {
  const inEffect = [...initial];
  const problems = new Map<string, string>();
  let cancel = () => {};
  let isStopped = false;
  const look = async ({ path, use }: WatchedFile, index: number) => {
    try {
      const text = readBoundedFile(path);
      if (text !== inEffect[index]) {
        await use(text);
        inEffect[index] = text;
        log.info("took a changed file", { "file.path": path });
      }
      problems.delete(path);
    } catch (error) {
      const problem = errorMessage(error);
      if (problems.get(path) !== problem) {
        log.error("a changed file cannot be used", { "file.path": path, error });
      }
      problems.set(path, problem);
    }
  };
  const schedule = () => {
    if (isStopped) return;
    cancel = clock.schedule(PERIOD_MILLISECONDS, () => {
      Promise.all(files.map(look)).then(() => {
        onState(problems.size === 0);
        schedule();
      });
    });
  };
  schedule();
  return () => {
    isStopped = true;
    cancel();
  };
}
