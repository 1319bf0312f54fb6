/** The conformance table: every fault of the register, what it asks of routers, and what proves it. */
import { expect, test } from "@jest/globals";
import type { FaultType } from "../api/failover-drill.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import { plannedDrill } from "../core/drill/planned-drill.ts";
import { checkPlan } from "../router/planned-traffic.ts";
import { type FaultSettings, FaultSettingsError, faultFlagOf, isClear, type WitnessAnswer } from "./fault.ts";
import { FAULTS } from "./register.ts";

const ANSWERS = {
  good: { status: 200 },
  aborted: { status: 503, faultFlag: "FI" },
  delayed: { status: 200, faultFlag: "DI" },
  "a real error": { status: 503 },
  "out of time": { status: 504 },
  silent: {},
} as const satisfies Readonly<Record<string, WitnessAnswer>>;

interface Row {
  readonly settings: FaultSettings;
  readonly planned: { readonly status?: number; readonly delay?: string };
  readonly met: readonly (keyof typeof ANSWERS)[];
  readonly refused: readonly FaultSettings[];
}

const TABLE: Readonly<Record<FaultType, Row>> = {
  PoolLoss: { settings: {}, planned: { status: 503 }, met: ["aborted"], refused: [{ status: 503 }] },
  Errors: {
    settings: { status: 500 },
    planned: { status: 500 },
    met: ["aborted"],
    refused: [{}, { status: 200 }, { status: 600 }, { status: 500.5 }, { status: 500, delay: "1s" }],
  },
  Latency: {
    settings: { delay: "300ms" },
    planned: { delay: "300ms" },
    met: ["delayed"],
    refused: [{}, { delay: "0s" }, { delay: "2h" }, { delay: "1s", status: 500 }],
  },
  Hang: {
    settings: {},
    planned: { delay: "1h" },
    met: ["out of time", "silent"],
    refused: [{ delay: "1s" }],
  },
};

const rows = Object.entries(TABLE) as [FaultType, Row][];

test("every fault of the register has a row", () => {
  expect(Object.keys(TABLE).toSorted()).toEqual(Object.keys(FAULTS).toSorted());
});

test.each(rows)("%s asks routers for what they can carry out", (fault, { settings, planned, refused }) => {
  expect(FAULTS[fault].plan(settings)).toEqual(planned);
  for (const bad of refused) expect(() => FAULTS[fault].plan(bad)).toThrow(FaultSettingsError);
});

test.each(rows)("%s is proven by what it does, and by nothing else", (fault, { met }) => {
  for (const [name, answer] of Object.entries(ANSWERS))
    expect([name, FAULTS[fault].isMet(answer)]).toEqual([name, met.some((each) => each === name)]);
});

test("Envoy's word for nothing is no fault", () => {
  expect([undefined, "-", "DI"].map(faultFlagOf)).toEqual([{}, {}, { faultFlag: "DI" }]);
});

test("an answer is clear, or it met a fault, and never both", () => {
  for (const [name, answer] of Object.entries(ANSWERS)) {
    expect([name, isClear(answer)]).toEqual([name, name === "good"]);
    for (const fault of Object.values(FAULTS)) expect(isClear(answer) && fault.isMet(answer)).toBe(false);
  }
});

const plan: TrafficPlan = {
  port: 10_000,
  epoch: 1,
  timeout: "600ms",
  perTryTimeout: "200ms",
  arms: [
    {
      name: "Stable",
      weight: 10_000,
      pools: [
        { pool: "gpu", revision: "r1", replicas: 2 },
        { pool: "cpu", revision: "r1", replicas: 1 },
      ],
    },
  ],
};
const drill = { name: "weekly", pool: "gpu", key: "k".repeat(32), longestMilliseconds: 120_000 };

test.each(rows)("%s in a plan is a plan that routers take, with an end", (fault, { settings, planned }) => {
  const asked = { routes: "Fault", expiryMilliseconds: Date.parse("2026-01-02T03:04:05Z") } as const;
  const change = plannedDrill(asked, { ...drill, effect: FAULTS[fault].plan(settings) });
  expect(change.drill?.fault).toEqual({ ...planned, until: "2026-01-02T03:04:05.000Z", longest: "2m" });
  expect(checkPlan({ ...plan, ...change })).toEqual({ ...plan, ...change });
});

test("without a fault the routes stay, and without a drill nothing of it", () => {
  const routed = { ...drill, effect: FAULTS.Hang.plan({}) };
  expect(plannedDrill({ routes: "Probes" }, routed)).toEqual({
    drill: { name: "weekly", pool: "gpu", key: drill.key },
  });
  expect(plannedDrill({ routes: "None" }, routed)).toEqual({});
});

const fault = { status: 503, until: "2026-01-02T03:04:05Z", longest: "2m" };
const planned = { name: "weekly", pool: "gpu", key: drill.key, fault };

test.each([
  ["another pool", { ...planned, pool: "cpu" }],
  ["neither status nor delay", { ...planned, fault: { ...fault, status: undefined } }],
  ["both", { ...planned, fault: { ...fault, delay: "1s" } }],
  ["no time at which it ends", { ...planned, fault: { ...fault, until: "later" } }],
  ["no longest time", { ...planned, fault: { ...fault, longest: "0s" } }],
  ["a longest time without end", { ...planned, fault: { ...fault, longest: "2h" } }],
  ["a key that anybody may guess", { ...planned, key: "short" }],
])("a router refuses a plan with a drill with %s", (_what, drill) => {
  expect(checkPlan({ ...plan, drill: planned })).toEqual({ ...plan, drill: planned });
  expect(() => checkPlan(JSON.parse(JSON.stringify({ ...plan, drill })))).toThrow();
});

test("a router refuses a drill beside two arms", () => {
  const [stable] = plan.arms;
  if (stable === undefined) throw new Error("no arm");
  const arms = [
    { ...stable, name: "Candidate", weight: 1 },
    { ...stable, weight: 9_999 },
  ];
  expect(() => checkPlan({ ...plan, arms, drill: planned })).toThrow("expected one arm");
});
