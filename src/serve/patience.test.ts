import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { Patience } from "./patience.ts";

test("gives up what nothing came of, once, and nothing else", async () => {
  const clock = new VirtualClock();
  const patience = new Patience<string>(clock, 10_000);
  const givenUp: string[] = [];
  const watch = (key: string) => patience.watch(key, () => givenUp.push(key));
  watch("silent");
  watch("moving");
  watch("done");
  await clock.advance(8_000);
  watch("moving");
  patience.forget("done");
  await clock.advance(3_000);
  expect(givenUp).toEqual(["silent"]);
  await clock.advance(20_000);
  expect(givenUp).toEqual(["silent", "moving"]);
  expect(clock.nextTimerAt()).toBeUndefined();
});

test("may be given something new while it gives up, and stops", async () => {
  const clock = new VirtualClock();
  const patience = new Patience<string>(clock, 1_000);
  const givenUp: string[] = [];
  patience.watch("first", () => {
    givenUp.push("first");
    patience.watch("second", () => givenUp.push("second"));
  });
  await clock.advance(4_000);
  expect(givenUp).toEqual(["first", "second"]);
  patience.watch("third", () => givenUp.push("third"));
  patience.stop();
  await clock.advance(4_000);
  expect(givenUp).toHaveLength(2);
});
