/**
 * A router's sequence and an Envoy in memory, one step at a time.
 */
import type { TrafficArm, TrafficPlan } from "../../src/api/traffic-plan.ts";
import type { ModelServerEndpoint } from "../../src/render/envoy/endpoints.ts";
import { configurationLayout } from "../../src/render/envoy/layout.ts";
import { type DesiredTraffic, type PlannedTraffic, renderPlan } from "../../src/router/progress.ts";
import {
  newSequence,
  nextStep,
  type SequenceState,
  type SequenceStep,
  servingPlans,
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
  state: SequenceState = newSequence(new Map());
  /** The last step. */
  last: SequenceStep | undefined;

  /** Wants a plan. */
  want(name: string, traffic: TrafficPlan, endpoints: readonly ModelServerEndpoint[] = []): void {
    this.desired.set(name, { traffic: planned(name, traffic), endpoints });
  }

  /** Reads Envoy's report, decides, writes. */
  async step(): Promise<SequenceStep> {
    const report = this.envoy.isRunning ? await this.envoy.report() : undefined;
    const step = nextStep(this.state, this.desired, report, settings, this.now);
    await this.envoy.write(step.files);
    await this.envoy.writePlans(servingPlans(step.state));
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
    this.state = newSequence(new Map([...plans].map(([name, known]) => [name, planned(name, known)])));
  }
}
