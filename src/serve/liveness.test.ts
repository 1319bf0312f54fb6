/**
 * What the kubelet is told while the main thread turns, and when it has stood still: the clock of the main thread is
 * a virtual one, the thread that answers looks at the real one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, jest, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { Liveness } from "./liveness.ts";

// A question is asked until its answer comes in time; a busy machine takes its own.
jest.setTimeout(60_000);

const MAXIMUM_SILENCE_MILLISECONDS = 1_000;
/** The main thread beats so often. */
const HEARTBEAT_MILLISECONDS = 500;

let liveness: Liveness | undefined;

afterEach(() => liveness?.close());

async function start() {
  const clock = new VirtualClock();
  liveness = new Liveness(clock, MAXIMUM_SILENCE_MILLISECONDS);
  const url = `http://127.0.0.1:${await liveness.listen("127.0.0.1", 0)}/v2/health/live`;
  const ask = async (): Promise<[number, unknown]> => {
    const response = await fetch(url);
    return [response.status, await response.json()];
  };
  return {
    ask,
    /** What is answered within the silence after a beat. A busy machine may take longer: that is asked again. */
    askAfterBeat: async () => {
      for (;;) {
        const before = performance.now();
        await clock.advance(HEARTBEAT_MILLISECONDS);
        const answer = await ask();
        if (performance.now() - before < MAXIMUM_SILENCE_MILLISECONDS) return answer;
      }
    },
  };
}

test("a main thread that stands still is not alive, and is again once it turns", async () => {
  const { ask, askAfterBeat } = await start();
  let answer = await ask();
  while (answer[0] === 200) {
    await sleep(20);
    answer = await ask();
  }
  expect(answer).toEqual([
    503,
    { error: expect.stringMatching(/^the server has stood still for [0-9]{4,} ms$/) },
  ]);
  expect(await askAfterBeat()).toEqual([200, { live: true }]);
});

test("one that turns is alive, however long it runs", async () => {
  const { askAfterBeat } = await start();
  const end = performance.now() + 3 * MAXIMUM_SILENCE_MILLISECONDS;
  while (performance.now() < end) {
    expect(await askAfterBeat()).toEqual([200, { live: true }]);
  }
});
