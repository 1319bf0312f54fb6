import { expect, test } from "@jest/globals";
import { createLogger } from "../core/log.ts";
import { PROGRESS_INTERVAL_MILLISECONDS, progressLogger } from "./progress.ts";

test("logs at most one line an interval, with the newest figures", () => {
  let now = 1_000;
  const lines: string[] = [];
  const clock = { now: () => now, monotonic: () => now, schedule: () => () => {} };
  const onProgress = progressLogger(
    clock,
    createLogger({ write: (line) => lines.push(line), now: clock.now }),
  );
  for (let second = 0; second <= 12; second++) {
    now = 1_000 + second * 1_000;
    onProgress(second * 10, second < 8 ? undefined : 500);
  }
  expect(PROGRESS_INTERVAL_MILLISECONDS).toBe(5_000);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { "petrel.fetch.size_bytes": 50 },
    { "petrel.fetch.size_bytes": 100, "petrel.fetch.total_bytes": 500 },
  ]);
});
