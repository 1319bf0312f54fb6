/**
 * Structured logs: one JSON object a line, with the field names of the Elastic Common Schema (ECS), so that
 * collectors parse them as they are. Every program of Petrel logs through here.
 *
 * Writing and time come in as functions. A log call must never throw, never spread over two lines and never
 * grow without bound; it must not be given secrets, for it hides nothing.
 */

/** Severities, from the least to the most. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
/** Severity of a line, written as `log.level`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * What a line says beside its message. Names are dotted ECS names (`url.path`, `event.duration`) or names of
 * our own under `petrel.`. The name `error` is special: whatever was thrown, written as `error.type`,
 * `error.message` (with the chain of causes) and `error.stack_trace`. Undefined values are left out.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes log lines. Programs make one with {@link createLogger} and hand children of it to their parts. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line also has `fields`; the fields of a call win over them. */
  child(fields: LogFields): Logger;
}

/** What {@link createLogger} needs. */
export interface LoggerOptions {
  /** Takes one whole line, its newline included: `(line) => process.stdout.write(line)`. */
  readonly write: (line: string) => void;
  /** Wall-clock time in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Fields of every line, such as `service.name`. */
  readonly fields?: LogFields;
  /** Least severity that is written; `info` unless set. */
  readonly level?: LogLevel;
}

/** Longest text of one field, in UTF-16 units; a longer one is cut. */
const MAXIMUM_TEXT_LENGTH = 8_192;
/** Longest line; what is longer loses its fields but not its message. */
const MAXIMUM_LINE_LENGTH = 65_536;
/** Errors of one chain of causes that are read: causes may be circular. */
const MAXIMUM_CAUSES = 8;

/** Makes a logger. */
export function createLogger({ write, now, fields = {}, level = "info" }: LoggerOptions): Logger {
  const least = LOG_LEVELS.indexOf(level);
  const log = (lineLevel: LogLevel) => (message: string, lineFields?: LogFields) => {
    if (LOG_LEVELS.indexOf(lineLevel) >= least) {
      write(formatLine(now(), lineLevel, message, { ...fields, ...lineFields }));
    }
  };
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    child: (more) => createLogger({ write, now, level, fields: { ...fields, ...more } }),
  };
}

/** A thrown value in one line of text, its causes behind it: `cannot load: no such file`. */
export function errorMessage(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause !== undefined && messages.length < MAXIMUM_CAUSES; ) {
    messages.push(cause instanceof Error ? cause.message : describe(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return messages.length === 0 ? "undefined" : messages.join(": ");
}

function formatLine(now: number, level: LogLevel, message: string, fields: LogFields): string {
  const head = { "@timestamp": timestamp(now), "log.level": level, message: cut(message) };
  const { error, ...rest } = fields;
  const line = stringify({ ...head, ...rest, ...head, ...(error === undefined ? {} : errorFields(error)) });
  return line === undefined || line.length > MAXIMUM_LINE_LENGTH
    ? `${stringify({ ...head, "petrel.log.dropped": "fields" })}\n`
    : `${line}\n`;
}

function errorFields(error: unknown): Record<string, string | undefined> {
  return {
    "error.type": error instanceof Error ? error.name : typeof error,
    "error.message": errorMessage(error),
    "error.stack_trace": error instanceof Error ? error.stack : undefined,
  };
}

function timestamp(now: number): string {
  return Number.isFinite(now) && Math.abs(now) <= 8.64e15 ? new Date(now).toISOString() : String(now);
}

/** JSON of a value, or undefined when it has none (a cycle, a getter or `toJSON` that throws). */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_key, member: unknown) => {
      if (typeof member === "bigint") {
        return member.toString();
      }
      if (member instanceof Error) {
        return cut(errorMessage(member));
      }
      return typeof member === "string" ? cut(member) : member;
    });
  } catch {
    return undefined;
  }
}

function describe(value: unknown): string {
  return typeof value === "string" ? value : (stringify(value) ?? typeof value);
}

function cut(text: string): string {
  return text.length > MAXIMUM_TEXT_LENGTH ? `${text.slice(0, MAXIMUM_TEXT_LENGTH)}...` : text;
}
