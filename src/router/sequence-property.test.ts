import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Fault } from "../../test/memory-envoy/memory-envoy.ts";
import { Bench, plan } from "../../test/memory-envoy/sequence-bench.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import type { SequenceStep } from "./sequence.ts";

describe("whatever happens", () => {
  /** Plans that Envoy refuses, by a mark that reaches one kind of resource alone. */
  const SPOILED: Readonly<
    Record<string, { readonly plan: Partial<TrafficPlan>; readonly mark: string; readonly fault: Fault }>
  > = {
    "unreadable routes": { plan: { timeout: "1111ms" }, mark: '"1.111s"', fault: "Unreadable" },
    "unusable routes": { plan: { timeout: "1222ms" }, mark: '"1.222s"', fault: "Unusable" },
    "unreadable clusters": {
      plan: { perTryTimeout: "132ms" },
      mark: '"connect_timeout":"0.033s"',
      fault: "Unreadable",
    },
    "unusable clusters": {
      plan: { perTryTimeout: "136ms" },
      mark: '"connect_timeout":"0.034s"',
      fault: "Unusable",
    },
    "unreadable listener": { plan: { port: 12_001 }, mark: '"port_value":12001', fault: "Unreadable" },
    "unusable listener": { plan: { port: 12_002 }, mark: '"port_value":12002', fault: "Unusable" },
  };
  const faultOf = (resource: unknown): Fault => {
    const json = JSON.stringify(resource);
    return Object.values(SPOILED).find(({ mark }) => json.includes(mark))?.fault;
  };

  type Event =
    | {
        readonly type: "Plan";
        readonly name: string;
        readonly revision: string;
        /** Share of a candidate beside the revision, of 10,000; 0 for none. */
        readonly share: number;
        readonly isSticky: boolean;
        readonly spoiled: string;
      }
    | { readonly type: "Gone"; readonly name: string }
    | { readonly type: "Pods"; readonly name: string; readonly count: number; readonly revision: string }
    | { readonly type: "Time"; readonly milliseconds: number }
    | { readonly type: "Cold" | "EnvoyDies" | "EnvoyStarts" | "RouterStarts" | "Step" };
  const name = fc.constantFrom("a", "b", "c");
  const revision = fc.constantFrom("r1", "r2", "r3");
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.record({
      type: fc.constant("Plan" as const),
      name,
      revision,
      share: fc.constantFrom(0, 0, 1, 100, 5_000, 10_000),
      isSticky: fc.boolean(),
      spoiled: fc.oneof(fc.constant("no"), fc.constantFrom(...Object.keys(SPOILED))),
    }),
    fc.record({ type: fc.constant("Gone" as const), name }),
    fc.record({ type: fc.constant("Pods" as const), name, count: fc.nat(3), revision }),
    fc.record({ type: fc.constant("Time" as const), milliseconds: fc.nat(40_000) }),
    fc.record({
      type: fc.constantFrom("Cold", "EnvoyDies", "EnvoyStarts", "RouterStarts", "Step", "Step", "Step"),
    }),
  );

  /** A candidate `next` first, with the revision behind it, and the revision for the rest. */
  const armsOf = (revision: string, share: number): Pick<TrafficPlan, "arms"> => {
    const poolsOf = (...names: readonly string[]) =>
      names.map((name) => ({ pool: "gpu", revision: name, replicas: 1 }));
    const arms: TrafficPlan["arms"] = [
      { name: "Candidate", weight: share, pools: poolsOf("next", revision) },
      { name: "Stable", weight: 10_000 - share, pools: poolsOf(revision) },
    ];
    return { arms: arms.filter(({ weight }) => weight > 0) };
  };

  test("routes lead to active clusters, acknowledgements are true, and in the end all is in effect", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 60 }), async (events) => {
        const bench = new Bench();
        bench.envoy.faultOf = faultOf;
        let epoch = 0;
        const spoiled = new Map<string, string>();
        const apply = async (change: Event): Promise<void> => {
          switch (change.type) {
            case "Plan": {
              epoch += 1;
              const port = 10_000 + "abc".indexOf(change.name);
              const { revision, share } = change;
              const stickiness = { header: "x-user", anonymous: "Stable" as const, salt: "next" };
              const isShared = share > 0 && share < 10_000;
              const more = {
                port,
                ...armsOf(revision, share),
                ...(isShared && change.isSticky ? { stickiness } : {}),
                ...SPOILED[change.spoiled]?.plan,
              };
              bench.want(change.name, plan(epoch, [change.revision], more));
              spoiled.set(change.name, change.spoiled);
              return;
            }
            case "Gone":
              bench.desired.delete(change.name);
              return;
            case "Pods": {
              bench.run(change.name, change.revision, change.count);
              return;
            }
            case "Time":
              bench.now += change.milliseconds;
              return;
            case "Cold":
              bench.envoy.warmsAtOnce = !bench.envoy.warmsAtOnce;
              return;
            case "EnvoyDies":
              bench.envoy.isRunning = false;
              return;
            case "EnvoyStarts":
              if (!bench.envoy.isRunning) bench.envoy.restart();
              return;
            case "RouterStarts":
              await bench.restartRouter();
              return;
            case "Step":
              await bench.step();
          }
        };
        let acknowledged = new Map<string, number>();
        const check = ({ acknowledgements }: SequenceStep) => {
          for (const [name, { serving }] of acknowledgements) {
            if (serving === undefined || serving.epoch === acknowledged.get(name)) continue;
            if (acknowledged.has(name)) expect(bench.envoy.routedEpoch(name)).toBe(serving.epoch);
            acknowledged.set(name, serving.epoch);
          }
          const active = bench.envoy.activeClusters;
          for (const listener of bench.envoy.activeListeners) {
            for (const cluster of bench.envoy.routedClusters(listener)) expect(active).toContain(cluster);
          }
        };
        for (const change of events) {
          await apply(change);
          // What an earlier run left is known from its note, not from Envoy.
          if (change.type === "RouterStarts") acknowledged = new Map();
          check(await bench.step());
        }
        bench.envoy.warmsAtOnce = true;
        if (!bench.envoy.isRunning) bench.envoy.restart();
        for (const [served, { traffic }] of bench.desired) {
          for (const { pools } of traffic?.plan.arms ?? []) {
            for (const { revision: planned } of pools) bench.run(served, planned, 1);
          }
        }
        const step = await bench.settle(200);
        check(step);
        for (const [served, { traffic }] of bench.desired) {
          const { serving, rejection } = step.acknowledgements.get(served) ?? {};
          const [, what = "good"] = spoiled.get(served)?.split(" ") ?? [];
          if (what === "good") {
            expect({ served, epoch: serving?.epoch, rejection }).toEqual({
              served,
              epoch: traffic?.plan.epoch,
            });
          } else expect(rejection).toContain(what);
        }
      }),
      { numRuns: 500 },
    );
  });
});
