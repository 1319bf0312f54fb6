import { describe, expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { LONGEST_TIMEOUT_SECONDS } from "../api/traffic.ts";
import { sleep } from "../core/clock.ts";
import { ROUTER_DRAIN_SECONDS } from "../render/router.ts";
import { Drain } from "./drain.ts";

const LEAST = ROUTER_DRAIN_SECONDS.least * 1000;
const LONGEST = ROUTER_DRAIN_SECONDS.longest * 1000;

/** Asks at 0; `activeAt` tells how many requests are under way at a time. Returns when the answer came. */
async function answeredAt(activeAt: (milliseconds: number) => number | undefined): Promise<number> {
  const clock = new VirtualClock();
  const start = clock.monotonic();
  const drain = new Drain({
    envoy: {
      activeRequests: async () => {
        const active = activeAt(clock.monotonic() - start);
        if (active === undefined) throw new Error("Envoy does not answer");
        return active;
      },
    },
    clock,
    leastMilliseconds: LEAST,
    longestMilliseconds: LONGEST,
  });
  let answeredAt: number | undefined;
  void drain.finished(new AbortController().signal).then(() => {
    answeredAt = clock.monotonic() - start;
  });
  await clock.advance(2 * LONGEST);
  if (answeredAt === undefined) throw new Error("no answer");
  return answeredAt;
}

describe("Envoy may be ended", () => {
  test("after the least time when nothing is under way", async () => {
    expect(await answeredAt(() => 0)).toBe(LEAST);
  });

  test("when the last request has its answer: one of the longest time-out, come at the last moment", async () => {
    const end = LEAST + LONGEST_TIMEOUT_SECONDS * 1000;
    expect(await answeredAt((time) => (time < end ? 1 : 0))).toBe(end);
  });

  test("after the longest time when requests do not end, or Envoy does not say", async () => {
    expect(await answeredAt(() => 1)).toBe(LONGEST);
    expect(await answeredAt(() => undefined)).toBe(LONGEST);
  });
});

test("however many ask, Envoy is asked once at a time", async () => {
  const clock = new VirtualClock();
  let looks = 0;
  const drain = new Drain({
    envoy: {
      activeRequests: async () => {
        looks += 1;
        await sleep(clock, 10);
        return 0;
      },
    },
    clock,
    leastMilliseconds: LEAST,
    longestMilliseconds: LONGEST,
  });
  const answers = Array.from({ length: 100 }, () => drain.finished(new AbortController().signal));
  await clock.advance(LEAST + 10);
  await Promise.all(answers);
  expect(looks).toBe(1);
});

test("who does not wait any more has Envoy asked no more", async () => {
  const clock = new VirtualClock();
  let looks = 0;
  const activeRequests = async () => {
    looks += 1;
    return 1;
  };
  const drain = new Drain({
    envoy: { activeRequests },
    clock,
    leastMilliseconds: LEAST,
    longestMilliseconds: LONGEST,
  });
  const gone = new AbortController();
  const answer = expect(drain.finished(gone.signal)).rejects.toThrow("aborted");
  await clock.advance(LEAST);
  gone.abort();
  await answer;
  const before = looks;
  expect(before).toBeGreaterThan(0);
  await clock.advance(LONGEST);
  expect(looks).toBe(before);
});
