/**
 * A real Envoy under the router's own control, without an API server: what the API would want is set by the test.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { TrafficArm, TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { createLogger } from "../../../src/core/log.ts";
import type { ModelServerEndpoint } from "../../../src/render/envoy/endpoints.ts";
import type { RenderSettings } from "../../../src/render/envoy/traffic-configuration.ts";
import { ConfigurationDirectory } from "../../../src/router/configuration-directory.ts";
import { EnvoyControl } from "../../../src/router/envoy-control.ts";
import { type DesiredTraffic, type PlannedTraffic, renderPlan } from "../../../src/router/progress.ts";
import type { Acknowledgement } from "../../../src/router/sequence.ts";
import {
  type EnvoyPlace,
  type EnvoySettings,
  envoyPlace,
  envoyProgram,
  freeTrafficPort,
  type RunningEnvoy,
  startEnvoy,
} from "./envoy-process.ts";
import type { ModelServerPorts } from "./model-server.ts";
import { until } from "./until.ts";

/** Envoy and the part of the router that controls it. */
export class ControlledEnvoy {
  readonly place: EnvoyPlace;
  readonly settings: RenderSettings;
  #control: EnvoyControl;
  #envoy: RunningEnvoy | undefined;
  readonly #desired = new Map<string, DesiredTraffic>();
  #hasChanged = true;
  #isRunning = true;
  #acknowledgements: ReadonlyMap<string, Acknowledgement> = new Map();
  #loop: Promise<void> = Promise.resolve();

  private constructor(place: EnvoyPlace, ports: ModelServerPorts) {
    this.place = place;
    this.settings = { layout: place.layout, address: "127.0.0.1", ports };
    this.#control = this.#newControl();
  }

  /** Starts Envoy with nothing to serve. */
  static async start(ports: ModelServerPorts, settings?: EnvoySettings): Promise<ControlledEnvoy> {
    const controlled = new ControlledEnvoy(await envoyPlace(settings), ports);
    await controlled.#control.restore(controlled.place.bootstrap);
    controlled.#envoy = await startEnvoy(await envoyProgram(), controlled.place);
    controlled.#loop = controlled.#run();
    return controlled;
  }

  /** Of Envoy's process. */
  get pid(): number {
    if (this.#envoy === undefined) throw new Error("Envoy does not run");
    return this.#envoy.pid;
  }

  /** Renders a plan. */
  planned(modelDeployment: string, plan: TrafficPlan): PlannedTraffic {
    return renderPlan(modelDeployment, plan, this.settings);
  }

  /** What the API wants of one ModelDeployment from now on. */
  want(
    modelDeployment: string,
    traffic: PlannedTraffic | undefined,
    endpoints: readonly ModelServerEndpoint[],
  ): void {
    this.#desired.set(modelDeployment, { ...(traffic === undefined ? {} : { traffic }), endpoints });
    this.#hasChanged = true;
  }

  /** The ModelDeployment is gone. */
  forget(modelDeployment: string): void {
    this.#desired.delete(modelDeployment);
    this.#hasChanged = true;
  }

  /** How Envoy stands towards one ModelDeployment. */
  acknowledgement(modelDeployment: string): Acknowledgement {
    return this.#acknowledgements.get(modelDeployment) ?? {};
  }

  /** Wants a plan, as it is rendered or as the test has changed it, and waits until it is in effect. */
  async serve(
    modelDeployment: string,
    plan: TrafficPlan,
    endpoints: readonly ModelServerEndpoint[],
    planned = this.planned(modelDeployment, plan),
  ): Promise<void> {
    this.want(modelDeployment, planned, endpoints);
    await until(`epoch ${plan.epoch} of ${modelDeployment} is in effect: ${this.#envoy?.log()}`, () => {
      const { serving, isListening } = this.acknowledgement(modelDeployment);
      return serving?.epoch === plan.epoch && isListening === true;
    });
  }

  /** The router starts anew, from the files that it left. */
  async restartRouter(): Promise<void> {
    await this.#stopLoop();
    this.#acknowledgements = new Map();
    this.#control = this.#newControl();
    await this.#control.restore(this.place.bootstrap);
    this.#hasChanged = true;
    this.#isRunning = true;
    this.#loop = this.#run();
  }

  /** The router ends, and Envoy goes on. */
  async stopRouter(): Promise<void> {
    await this.#stopLoop();
  }

  /** Envoy dies, and starts anew. */
  async restartEnvoy(): Promise<void> {
    await this.#envoy?.kill();
    this.#envoy = await startEnvoy(await envoyProgram(), this.place);
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    await this.#stopLoop();
    await this.#envoy?.kill();
    await this.place.remove();
  }

  #newControl(): EnvoyControl {
    return new EnvoyControl({
      envoy: this.place.administration,
      store: new ConfigurationDirectory(this.place.layout),
      settings: this.settings,
      clock: systemClock,
      log: createLogger({ write: () => {}, now: systemClock.now }),
    });
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      const hasChanged = this.#hasChanged;
      this.#hasChanged = false;
      const step = await this.#control.step(new Map(this.#desired), hasChanged);
      this.#acknowledgements = step.acknowledgements;
      await delay(this.#hasChanged ? 0 : Math.min(20, step.delayMilliseconds));
    }
  }

  async #stopLoop(): Promise<void> {
    this.#isRunning = false;
    await this.#loop;
  }
}

/** A plan with a free port. */
export async function newPlan(
  arms: readonly TrafficArm[],
  more: Partial<TrafficPlan> = {},
): Promise<TrafficPlan> {
  const port = await freeTrafficPort();
  return { port, epoch: 1, timeout: "600ms", perTryTimeout: "200ms", arms: [...arms], ...more };
}

/** An arm with all of the traffic. */
export function stableArm(...pools: TrafficArm["pools"]): TrafficArm {
  return { name: "Stable", weight: 10_000, pools };
}
