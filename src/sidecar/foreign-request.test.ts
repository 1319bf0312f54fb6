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
  const failures: unknown[] = [];
  const sink = {
    observed: () => settings,
    take: (source: EventSource, event: TapEvent) => taken.push([source, event]),
    missed: (reason: string) => missed.push(reason),
    failed: (error: unknown) => failures.push(error),
  };
  const observer = new ForeignObserver({ sink, model: "m", revision: "m-1", clock: systemClock });
  const begin = () => {
    const request = observer.begin({}, []);
    if (request === undefined) throw new Error("expected a request");
    return request;
  };
  return {
    observer,
    begin,
    sink,
    taken,
    missed,
    failures,
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
const inputs = { tensors: () => ({ tensors: [tensor("features", 1, 2)], rows: 1 }), rows: () => undefined };
const outputs = () => ({ tensors: [tensor("score", 0.5)], rows: 1 });

test("a request that began before other settings is told by those of its beginning", () => {
  const { begin, taken, use } = observing(parseObserved({ scores, features: [price] }));
  const before = begin();
  use(parseObserved({ features: [{ ...price, name: "age", column: 0 }] }));
  const after = begin();
  for (const request of [before, after]) {
    request.requestEnded(inputs);
    request.end(200, systemClock.monotonic(), outputs);
  }
  expect(taken.map(([{ columns }, { values }]) => [columns, [...values]])).toEqual([
    [
      ["score", "price"],
      [0.5, 2],
    ],
    [["age"], [1]],
  ]);
});

test("a body in pieces of one byte takes no more room than one in large pieces", () => {
  const { observer, begin, missed } = observing(parseObserved({ features: [price] }));
  const request = begin();
  let pieces = 0;
  for (; request.request.problem === undefined; pieces++) request.request.add(Buffer.of(0));
  // Each is an object of some hundred bytes.
  expect(pieces).toBeLessThan(10_000);
  request.requestEnded(inputs);
  request.end(200, systemClock.monotonic(), outputs);
  expect(missed).toEqual(["TooLarge"]);
  expect(observer.keptBytes).toBe(0);
});

test("of bodies that nobody asks for nothing is kept, and what they are costs no observation", () => {
  const { observer, begin, taken, missed } = observing(parseObserved({ scores }));
  const request = begin();
  request.request.add(Buffer.alloc(2 ** 22));
  request.request.giveUp("Encoded");
  expect(observer.keptBytes).toBe(0);
  request.response.add(Buffer.of(1));
  request.end(200, systemClock.monotonic(), outputs);
  expect(missed).toEqual([]);
  expect([...(taken[0]?.[1].values ?? [])]).toEqual([0.5]);
});

test("inputs are read as soon as the request is whole, and kept no longer", async () => {
  const { observer, begin, taken } = observing(parseObserved({ features: [price] }));
  const request = begin();
  request.request.add(Buffer.from("a body"));
  const read = Promise.withResolvers<string>();
  request.requestEnded({
    ...inputs,
    tensors(body) {
      read.resolve(body.toString());
      return inputs.tensors();
    },
  });
  expect(await read.promise).toBe("a body");
  expect(observer.keptBytes).toBe(0);
  request.end(200, systemClock.monotonic(), outputs);
  expect([...(taken[0]?.[1].values ?? [])]).toEqual([2]);
});

test("a request that is answered before it has come is counted, and not read", () => {
  const { begin, taken, missed } = observing(parseObserved({ features: [price] }));
  const request = begin();
  request.end(200, systemClock.monotonic(), outputs);
  expect(missed).toEqual(["Unreadable"]);
  expect(taken[0]?.[1]).toMatchObject({ status: 200, describedRows: 0 });
});

test("nothing that fails reaches the request", () => {
  const { begin, sink, failures } = observing(parseObserved({ features: [price] }));
  const request = begin();
  const broken = () => {
    throw new Error("out of order");
  };
  sink.take = broken;
  request.requestEnded(inputs);
  expect(() => request.end(200, systemClock.monotonic(), outputs)).not.toThrow();
  sink.observed = broken;
  expect(begin).toThrow("expected a request");
  expect(failures).toEqual([new Error("out of order"), new Error("out of order")]);
});
