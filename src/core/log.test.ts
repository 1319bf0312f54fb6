import { describe, expect, test } from "@jest/globals";
import { createLogger, errorMessage, type LoggerOptions } from "./log.ts";

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => lines.push(line), now: () => 0, ...options });
  return { logger, lines, last: (): unknown => JSON.parse(lines.at(-1) ?? "null") };
}

describe("a log line", () => {
  test("is one JSON object with ECS names", () => {
    const { logger, lines, last } = capture({ fields: { "service.name": "petrel-serve" } });
    logger.info("model loaded\nin time", { "event.duration": 5 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]*\n$/);
    expect(last()).toEqual({
      "@timestamp": "1970-01-01T00:00:00.000Z",
      "log.level": "info",
      message: "model loaded\nin time",
      "service.name": "petrel-serve",
      "event.duration": 5,
    });
  });

  test("starts with time, level and message, which no field can replace", () => {
    const { logger, lines, last } = capture();
    logger.warn("real", { message: "fake", "@timestamp": "fake", "log.level": "fake" });
    expect(lines[0]).toMatch(/^\{"@timestamp":"1970[^"]*","log\.level":"warn","message":"real"/);
    expect(last()).toEqual({
      "@timestamp": "1970-01-01T00:00:00.000Z",
      "log.level": "warn",
      message: "real",
    });
  });

  test("of a child has the fields of its parents; the fields of the call win", () => {
    const { logger, last } = capture({ fields: { a: 1, b: 1, c: 1 } });
    logger.child({ b: 2, c: 2 }).info("m", { c: 3 });
    expect(last()).toMatchObject({ a: 1, b: 2, c: 3 });
  });

  test.each([
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const)("is written from level %s on", (level, count) => {
    const { logger, lines } = capture({ level });
    logger.debug("m");
    logger.info("m");
    logger.child({}).warn("m");
    logger.error("m");
    expect(lines).toHaveLength(count);
  });

  test("of an error has its type, its chain of causes and its stack", () => {
    const { logger, last } = capture();
    logger.error("cannot start", { error: new TypeError("cannot load", { cause: new Error("no file") }) });
    expect(last()).toMatchObject({
      "error.type": "TypeError",
      "error.message": "cannot load: no file",
      "error.stack_trace": expect.stringContaining("log.test.ts"),
    });
  });

  test("never throws and is bounded, whatever it is given", () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const hostile = {
      toJSON() {
        throw new Error("no");
      },
    };
    const { logger, lines } = capture({ now: () => Number.NaN });
    for (const value of [circular, hostile, 1n, Symbol("s"), () => 1, undefined, null, "x".repeat(1e6)]) {
      logger.info("m", { value });
      logger.error("m", { error: value });
    }
    logger.info("m".repeat(1e6));
    logger.info("m", { list: Array.from({ length: 100 }, () => "x".repeat(8_000)) });
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(65_537);
      expect(JSON.parse(line)).toHaveProperty("message");
    }
    expect(lines).toHaveLength(18);
  });
});

describe("errorMessage", () => {
  test.each([
    [new Error("a"), "a"],
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"],
    [{ code: 1 }, '{"code":1}'],
    [new Error("a", { cause: "b" }), "a: b"],
  ])("of %p is %s", (error, message) => {
    expect(errorMessage(error)).toBe(message);
  });

  test("ends on a circular chain of causes", () => {
    const error = new Error("a");
    error.cause = error;
    expect(errorMessage(error)).toBe(Array.from({ length: 8 }, () => "a").join(": "));
  });
});
