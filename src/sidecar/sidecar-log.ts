/**
 * The log of `petrel sidecar`, the same in each of its threads.
 */
import { systemClock } from "../core/clock.ts";
import { createLogger, type Logger, type LogLevel } from "../core/log.ts";

/** The log of the program. */
export function sidecarLog({ logLevel }: { readonly logLevel: LogLevel }): Logger {
  return createLogger({
    write: (line) => process.stdout.write(line),
    now: systemClock.now,
    level: logLevel,
    fields: { "service.name": "petrel-sidecar" },
  });
}
