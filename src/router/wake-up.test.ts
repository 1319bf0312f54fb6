import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { WakeUp } from "./wake-up.ts";

test("ends after the delay, or at once when something happens or has happened", async () => {
  const clock = new VirtualClock();
  const wakeUp = new WakeUp(clock);
  const ended: number[] = [];
  const wait = () => void wakeUp.wait(1_000).then(() => ended.push(clock.monotonic()));
  wait();
  await clock.advance(1_500);
  expect(ended).toEqual([1_000]);
  wait();
  await clock.advance(300);
  wakeUp.notify();
  await clock.runUntilIdle();
  expect(ended).toEqual([1_000, 1_800]);
  wakeUp.notify();
  wait();
  await clock.runUntilIdle();
  expect(ended).toEqual([1_000, 1_800, 1_800]);
  wait();
  await clock.advance(999);
  expect(ended).toHaveLength(3);
  expect(clock.nextTimerAt()).toBe(2_800);
});
