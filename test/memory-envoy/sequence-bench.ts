/**
 * A router's sequence and an Envoy in memory, one step at a time.
 */
import type { TrafficArm, TrafficPlan } from "../../src/api/traffic-plan.ts";
import type { ModelServerEndpoint } from "../../src/render/envoy/endpoints.ts";
import { configurationLayout } from "../../src/render/envoy/layout.ts";
import { type DesiredTraffic, type PlannedTraffic, renderPlan } from "../../src/router/progress.ts";
import {
  knownPlans,
  newSequence,
  nextStep,
  type SequenceState,
  type SequenceStep,
} from "../../src/router/sequence.ts";
import { MemoryEnvoy } from "./memory-envoy.ts";

const settings = {
  layout: configurationLayout("/etc/petrel/envoy"),
  address: "0.0.0.0",
  ports: { rest: 8080, grpc: 8081 },
};

/** A plan whose stable arm has the pool `gpu` of these revisions; without any, no arm. */
export function plan(
  epoch: number,
  revisions: readonly string[],
  more: Partial<TrafficPlan> = {},
): TrafficPlan {
  const arms: TrafficArm[] =
    revisions.length === 0
      ? []
      : [
          {
            name: "Stable",
            weight: 10_000,
            pools: revisions.map((revision) => ({ pool: "gpu", revision, replicas: 1 })),
          },
        ];
  return { port: 10_000, epoch, timeout: "600ms", perTryTimeout: "200ms", arms, ...more };
}

function planned(name: string, traffic: TrafficPlan): PlannedTraffic {
  return renderPlan(name, traffic, settings);
}

/** A router's sequence and its Envoy, one step at a time. */
export class Bench {
  readonly envoy = new MemoryEnvoy();
  /** What the API wants. */
  readonly desired = new Map<string, DesiredTraffic>();
  /** Monotonic milliseconds; each step takes 100. */
  now = 1_000;
  state: SequenceState = newSequence(new Map(), 0);
  /** The last step. */
  last: SequenceStep | undefined;

  /** Wants a plan. */
  want(name: string, traffic: TrafficPlan, endpoints: readonly ModelServerEndpoint[] = []): void {
    this.desired.set(name, { traffic: planned(name, traffic), endpoints });
  }

  /** Has so many pods of a revision, and of no other one, if the ModelDeployment is there. */
  run(name: string, revision: string, count: number): void {
    const desired = this.desired.get(name);
    const endpoints = Array.from({ length: count }, (_, index) => ({
      pod: `pod-${index}`,
      ip: `10.0.0.${index + 1}`,
      pool: "gpu",
      revision,
    }));
    if (desired !== undefined) this.desired.set(name, { ...desired, endpoints });
  }

  /** Reads Envoy's report, decides, writes. */
  async step(): Promise<SequenceStep> {
    const report = this.envoy.isRunning ? await this.envoy.report() : undefined;
    const step = nextStep(this.state, this.desired, report, settings, this.now);
    await this.envoy.writePlans(knownPlans(step.state));
    await this.envoy.write(step.files);
    this.state = step.state;
    this.last = step;
    this.now += 100;
    return step;
  }

  /** Steps until nothing moves any more. */
  async settle(limit = 60): Promise<SequenceStep> {
    for (let count = 0; count < limit; count += 1) {
      const step = await this.step();
      if (step.isSettled) return step;
    }
    throw new Error("the configuration does not settle");
  }

  /** The router starts anew, from its note. */
  async restartRouter(): Promise<void> {
    const plans = await this.envoy.readPlans();
    const known = [...plans].map(([name, { serving, others }]) => {
      const rendered = (traffic: TrafficPlan) => planned(name, traffic);
      const serves = serving === undefined ? {} : { serving: rendered(serving) };
      return [name, { ...serves, others: others.map(rendered) }] as const;
    });
    this.state = newSequence(new Map(known), this.now);
  }
}
