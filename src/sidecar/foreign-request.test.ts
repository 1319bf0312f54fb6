import { expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { type ObservedSettings, parseObserved } from "../tap/observed-settings.ts";
import type { TapEvent } from "../tap/tap-event.ts";
import { ForeignObserver } from "./foreign-request.ts";
import type { EventSource } from "./observed-model.ts";

const scores = { output: "score", probability: true };
const price = { name: "price", input: "features", column: 1 };

function observing(initial: ObservedSettings) {
  let settings = initial;
  const taken: (readonly [EventSource, TapEvent])[] = [];
  const missed: string[] = [];
  const observer = new ForeignObserver(
    {
      observed: () => settings,
      take: (source, event) => taken.push([source, event]),
      missed: (reason) => missed.push(reason),
    },
    "m",
    "m-1",
    systemClock,
  );
  return {
    observer,
    taken,
    missed,
    use: (other: ObservedSettings) => {
      settings = other;
    },
  };
}

const tensor = (name: string, ...elements: number[]) => ({
  name,
  datatype: "FP64",
  shape: [1, elements.length],
  elements,
});
const READERS = { inputs: () => [tensor("features", 1, 2)], outputs: () => [tensor("score", 0.5)] };

test("a request that began before other settings is told by those of its beginning", () => {
  const { observer, taken, use } = observing(parseObserved({ scores, features: [price] }));
  const before = observer.begin({});
  use(parseObserved({ features: [{ ...price, name: "age", column: 0 }] }));
  const after = observer.begin({});
  for (const request of [before, after]) request.end(200, systemClock.monotonic(), READERS);
  expect(taken.map(([{ columns }, { values }]) => [columns, [...values]])).toEqual([
    [
      ["score", "price"],
      [0.5, 2],
    ],
    [["age"], [1]],
  ]);
});

test("a body in pieces of one byte takes no more room than one in large pieces", () => {
  const { observer, missed } = observing(parseObserved({ scores }));
  const request = observer.begin({});
  let pieces = 0;
  for (; request.request.problem === undefined; pieces++) request.request.add(Buffer.of(0));
  // Each is an object of some hundred bytes.
  expect(pieces).toBeLessThan(10_000);
  request.end(200, systemClock.monotonic(), READERS);
  expect(missed).toEqual(["TooLarge"]);
  expect(observer.keptBytes).toBe(0);
});
