import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { ModelHealth } from "./model-health.ts";

test("that a model is healthy is known for a second, that it is not never", async () => {
  const clock = new VirtualClock();
  const health = new ModelHealth(clock);
  expect(health.isKnown).toBe(false);
  expect(health.learn(true)).toBe(true);
  await clock.advance(999);
  expect(health.isKnown).toBe(true);
  await clock.advance(1);
  expect(health.isKnown).toBe(false);
  health.learn(true);
  expect(health.learn(false)).toBe(false);
  expect(health.isKnown).toBe(false);
});
