/**
 * A source that does not say what it has: it is asked again, and nothing of an earlier question goes on.
 */
import { expect, test } from "@jest/globals";
import { silentLogger } from "../../test/fixtures/silent-logger.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { ModelSource } from "../sources/model-source.ts";
import { bringModel } from "./bring-model.ts";
import { MAX_FAILURES_WITHOUT_PROGRESS } from "./retry-schedule.ts";

test("a question that is not answered in time is ended before the next one", async () => {
  const clock = new VirtualClock();
  const asked: AbortSignal[] = [];
  const running: number[] = [];
  const source: ModelSource = {
    locate: ({ signal }) => {
      asked.push(signal);
      running.push(asked.filter(({ aborted }) => !aborted).length);
      return new Promise(() => {});
    },
    open: () => Promise.reject(new Error("never located")),
  };
  const bringing = bringModel(
    new URL("s3://bucket/v1"),
    source,
    { mountedAt: "/nowhere" },
    {
      clock,
      random: () => 0,
      logger: silentLogger,
      signal: new AbortController().signal,
      patience: { openMilliseconds: 30_000, idleMilliseconds: 30_000 },
      maxBytes: 1,
      archive: undefined,
    },
  ).catch((error: unknown) => error);
  await clock.advance(3_600_000);
  expect(await bringing).toMatchObject({ message: expect.stringContaining("did not answer for 30 s") });
  expect(asked.length).toBeGreaterThanOrEqual(MAX_FAILURES_WITHOUT_PROGRESS);
  expect(running).toEqual(asked.map(() => 1));
  expect(asked.every(({ aborted }) => aborted)).toBe(true);
});
