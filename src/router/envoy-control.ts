/**
 * Brings a configuration into one Envoy: asks Envoy how it stands, takes the next step, writes the files.
 *
 * The state of the sequence lives here, and as much of it as the next run needs in the plans file. Calls must not
 * overlap.
 */
import type { TrafficPlan } from "../api/traffic-plan.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { JsonObject, ResourceFile } from "../render/envoy/resource.ts";
import type { RenderSettings } from "../render/envoy/traffic-configuration.ts";
import type { EnvoyAdministration } from "./envoy-administration.ts";
import type { EnvoyReport } from "./envoy-report.ts";
import { mapValues, presentValues } from "./map-values.ts";
import { type KnownPlans, type Progress, renderPlan } from "./progress.ts";
import {
  type Acknowledgement,
  type ConfigurationFiles,
  type DesiredConfiguration,
  knownPlans,
  newSequence,
  nextStep,
  type SequenceState,
  type SequenceStep,
} from "./sequence.ts";

/** Where the configuration lies that Envoy reads. Calls do not overlap. */
export interface ConfigurationStore {
  /** Makes all that Envoy needs to start. What an earlier run left stays as it is. */
  prepare(bootstrap: JsonObject): Promise<void>;
  /** Makes the files as they are wanted; what is as wanted already is not touched. */
  write(files: ConfigurationFiles): Promise<void>;
  /** Makes the routes of these ModelDeployments as they are wanted, and touches nothing else. */
  writeRoutes(routes: ReadonlyMap<string, ResourceFile>): Promise<void>;
  /** Notes the plans to which Envoy leads, or may lead, for the next run of the router in this pod. */
  writePlans(plans: ReadonlyMap<string, KnownPlans<TrafficPlan>>): Promise<void>;
  /** The plans that an earlier run noted. A note that cannot be read, or a plan in it, counts as none. */
  readPlans(): Promise<ReadonlyMap<string, KnownPlans<TrafficPlan>>>;
}

/** What the control of an Envoy needs. */
export interface EnvoyControlOptions {
  readonly envoy: EnvoyAdministration;
  readonly store: ConfigurationStore;
  readonly settings: RenderSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Result of one step. */
export interface ControlStep {
  /** For each ModelDeployment that is wanted. */
  readonly acknowledgements: ReadonlyMap<string, Acknowledgement>;
  /** When to take the next step though nothing changed, in milliseconds. */
  readonly delayMilliseconds: number;
}

/** Between two looks at Envoy while it is to take something. */
const PENDING_INTERVAL_MILLISECONDS = 100;
/** So many looks without an end, and they become as rare as those of an idle router. */
const EAGER_LOOKS = 100;
/** Between two signs of life while there is nothing to do. */
const IDLE_INTERVAL_MILLISECONDS = 1_000;
/** Between two whole reports while there is nothing to do: an Envoy that restarted fast is noticed. */
const REPORT_INTERVAL_MILLISECONDS = 30_000;
/** Looks without an answer before Envoy counts as down. */
const MISSED_LOOKS = 2;

/** Controls one Envoy. */
export class EnvoyControl {
  readonly #options: EnvoyControlOptions;
  #state: SequenceState = newSequence(new Map(), 0);
  #last: ControlStep | undefined;
  #stepDueAt = 0;
  #looks = 0;
  #missedLooks = MISSED_LOOKS;

  constructor(options: EnvoyControlOptions) {
    this.#options = options;
  }

  /** Whether Envoy has answered lately. */
  get isUp(): boolean {
    return this.#missedLooks < MISSED_LOOKS;
  }

  /**
   * Makes what Envoy needs to start, and goes on from what an earlier run in this pod left. Returns whether any plan
   * was in effect.
   */
  async restore(bootstrap: JsonObject): Promise<boolean> {
    const { store, settings, clock } = this.#options;
    await store.prepare(bootstrap);
    const plans = await store.readPlans();
    const known = mapValues(plans, ({ serving, others }, name) => {
      const rendered = (plan: TrafficPlan) => renderPlan(name, plan, settings);
      return {
        ...(serving === undefined ? {} : { serving: rendered(serving) }),
        others: others.map(rendered),
      };
    });
    this.#state = newSequence(known, clock.monotonic());
    return [...plans.values()].some(({ serving }) => serving !== undefined);
  }

  /** The plans with a fault to which Envoy may lead: of each ModelDeployment that in effect, else another one. */
  get faulted(): DesiredConfiguration {
    return presentValues(
      mapValues(this.#state.progress, ({ serving, retired }) => {
        const plans = [serving, ...retired.map(({ traffic }) => traffic)];
        const traffic = plans.find((each) => each?.plan.drill?.fault !== undefined);
        return traffic === undefined ? undefined : { traffic, endpoints: [] };
      }),
    );
  }

  /**
   * Ends faults that an earlier run left, before anything is known of the API: by the routes alone, for what they lead to
   * is there. Rejects when files cannot be written; then nothing is noted.
   *
   * @param before as {@link faulted} had it.
   * @param after the same plans; those whose fault is over are without it.
   */
  async endFaults(before: DesiredConfiguration, after: DesiredConfiguration): Promise<void> {
    const { store } = this.#options;
    const progress = new Map<string, Progress>(this.#state.progress);
    const routes = new Map<string, ResourceFile>();
    for (const [name, { traffic }] of after) {
      const entry = progress.get(name);
      const faulted = before.get(name)?.traffic;
      if (entry === undefined || traffic === undefined || traffic === faulted) continue;
      // One that was still on its way gives place to the plan in effect, as it will in the first whole step.
      const serving = entry.serving === faulted ? traffic : entry.serving;
      if (serving !== undefined) progress.set(name, { ...entry, serving });
      routes.set(name, (serving ?? traffic).configuration.routes);
    }
    const state = { ...this.#state, progress };
    await store.writePlans(knownPlans(state));
    await store.writeRoutes(routes);
    this.#state = state;
  }

  /**
   * Takes a step when something has changed or time has come for one, else looks only whether Envoy lives.
   * Rejects when files cannot be written.
   */
  async step(desired: DesiredConfiguration, hasChanged: boolean): Promise<ControlStep> {
    const { envoy, clock } = this.#options;
    const isStepDue = hasChanged || !this.isUp || clock.monotonic() >= this.#stepDueAt;
    if (this.#last !== undefined && !isStepDue) {
      if (await envoy.isReady()) {
        this.#count(true);
        return this.#last;
      }
    }
    return await this.#wholeStep(desired);
  }

  async #wholeStep(desired: DesiredConfiguration): Promise<ControlStep> {
    const { store, settings, clock } = this.#options;
    const report = await this.#report();
    const now = clock.monotonic();
    const step = nextStep(this.#state, desired, report, settings, now);
    // First what Envoy may lead to, then what leads there: a router that is ended in between forgets nothing.
    await store.writePlans(knownPlans(step.state));
    await store.write(step.files);
    this.#state = step.state;
    this.#looks = step.isSettled || this.#last === undefined ? 0 : this.#looks + 1;
    const delayMilliseconds = this.#delay(step, now);
    this.#stepDueAt = step.isSettled ? Math.min(step.wakeAt, now + REPORT_INTERVAL_MILLISECONDS) : now;
    this.#last = { acknowledgements: step.acknowledgements, delayMilliseconds };
    return this.#last;
  }

  #delay({ isSettled, wakeAt }: SequenceStep, now: number): number {
    if (!isSettled && this.#looks < EAGER_LOOKS) return PENDING_INTERVAL_MILLISECONDS;
    return Math.max(0, Math.min(IDLE_INTERVAL_MILLISECONDS, wakeAt - now));
  }

  async #report(): Promise<EnvoyReport | undefined> {
    try {
      const report = await this.#options.envoy.report();
      this.#count(true);
      return report;
    } catch (error) {
      if (this.isUp) this.#options.log.warn("Envoy does not answer", { error });
      this.#count(false);
      return undefined;
    }
  }

  #count(hasAnswered: boolean): void {
    this.#missedLooks = hasAnswered ? 0 : this.#missedLooks + 1;
  }
}
