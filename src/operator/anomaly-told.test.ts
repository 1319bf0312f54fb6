/**
 * Alarms as the operator learns of them and tells, on an API in memory: one status write for a change, none for a minute in
 * which nothing has changed, and the same after it starts anew.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { watched } from "../../test/fixtures/watched-world.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { FaultyPort } from "../../test/memory-cluster/faulty-port.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import type { SeriesAlarm, WatchedDeployment } from "../anomaly/watched-answer.ts";
import { asList, valueAt } from "../api/json.ts";

/** Virtual minutes cost real seconds where the machine is busy with something else. */
const LIMIT_MILLISECONDS = 60_000;
const MINUTE = 60_000;
const ALARM: SeriesAlarm = { series: "metric:ctr", since: 1_767_225_600, value: 0.01, low: 0.03, high: 0.05 };

let clock: VirtualClock;
let server: MemoryApiServer;
/** What the collector says; undefined where it does not answer. */
let alarms: readonly SeriesAlarm[] | undefined;
let asked: string[];
let looks: number;
let statusWrites: number;
let told: string[];

beforeEach(() => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
  [alarms, asked, looks, statusWrites, told] = [[], [], 0, 0, []];
});

async function start(): Promise<() => void> {
  const port = new FaultyPort(server, clock, {
    call: ({ verb, resource, subresource }) => {
      if (verb === "apply" && resource.kind === "ModelDeployment" && subresource === "status") statusWrites++;
      return undefined;
    },
  });
  const { stop } = startLeadingOperator(port, clock, {
    observe: (controller) => ({
      reconciled: () => {
        if (controller === "modeldeployment") looks++;
      },
    }),
    recordEvent: (_object, { reason, action }) => {
      if (action.endsWith("Anomaly")) told.push(reason);
    },
    askAnomalies: async (namespace) => {
      asked.push(namespace);
      if (alarms === undefined) throw new Error("no answer");
      const ranker: WatchedDeployment = { name: "ranker", watched: 3, unjudged: [], unknown: [], alarms };
      return new Map([["ranker", ranker]]);
    },
  });
  await clock.advance(5_000);
  return stop;
}

async function create(name: string, spec: object): Promise<void> {
  await server.apply(modelDeploymentObject(name, spec), { fieldManager: "people", force: true });
  await clock.advance(2 * MINUTE);
}

/** `STATUS REASON` of the condition of `ranker`. */
function detected(): string {
  const ranker = server
    .objects()
    .find(({ kind, metadata }) => kind === "ModelDeployment" && metadata.name === "ranker");
  const found = asList(valueAt(ranker, "status", "conditions")).find(
    (one) => valueAt(one, "type") === "AnomalyDetected",
  );
  return `${valueAt(found, "status")} ${valueAt(found, "reason")}`;
}

/** Looks and status writes of so many minutes. */
async function costOf(minutes: number): Promise<readonly [number, number]> {
  [looks, statusWrites] = [0, 0];
  for (let passed = 0; passed < minutes; passed++) await clock.advance(MINUTE);
  return [looks, statusWrites];
}

test(
  "asks the collector of a namespace once a minute, and nobody looks while nothing changes",
  async () => {
    const stop = await start();
    await create("other", {});
    expect(asked).toEqual([]);
    await create("ranker", { quality: watched() });
    expect(detected()).toBe("False NoAnomaly");
    asked = [];
    expect(await costOf(5)).toEqual([0, 0]);
    expect(asked).toEqual(Array(5).fill("shop"));
    alarms = [ALARM];
    const [, writes] = await costOf(1);
    expect([writes, detected(), told]).toEqual([1, "True AnomalyDetected", ["AnomalyDetected"]]);
    alarms = [{ ...ALARM, value: 0.02 }];
    // A look at everything falls into these minutes, and says nothing new.
    expect((await costOf(5))[1]).toBe(0);
    alarms = [];
    await costOf(1);
    expect([detected(), told]).toEqual(["False NoAnomaly", ["AnomalyDetected", "AnomalyEnded"]]);
    stop();
  },
  LIMIT_MILLISECONDS,
);

test(
  "an operator that starts anew tells nothing again, and a collector that is away makes it unknown",
  async () => {
    alarms = [ALARM];
    const stop = await start();
    await create("ranker", { quality: watched() });
    expect(told).toEqual(["AnomalyDetected"]);
    stop();
    await clock.advance(1_000);
    const stopNext = await start();
    await costOf(2);
    expect([detected(), told]).toEqual(["True AnomalyDetected", ["AnomalyDetected"]]);
    alarms = undefined;
    await costOf(2);
    expect(detected()).toBe("True AnomalyDetected");
    await costOf(2);
    expect([detected(), told]).toEqual(["Unknown AnomaliesUnknown", ["AnomalyDetected"]]);
    alarms = [ALARM];
    await costOf(1);
    expect([detected(), told]).toEqual(["True AnomalyDetected", ["AnomalyDetected"]]);
    stopNext();
  },
  LIMIT_MILLISECONDS,
);
