/**
 * A sidecar without its ports: settings in effect, the model that is observed, and the training log.
 *
 * Other settings begin all sums anew, for they may be of other columns; Prometheus takes it as a restart. Model servers
 * are disconnected then and come back at once.
 */
import type { Registry } from "prom-client";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { WorkloadEnvironment } from "../sources/s3-key-files.ts";
import type { TapEvent } from "../tap/tap-event.ts";
import type { TrainingLogSettings } from "../training-log/log-settings.ts";
import { type EventSource, ObservedModel } from "./observed-model.ts";
import { readReferences } from "./reference-file.ts";
import { RequestLog } from "./request-log.ts";
import type { SidecarSettings } from "./settings.ts";
import { sidecarMetrics } from "./sidecar-metrics.ts";
import { TapListener } from "./tap-listener.ts";

/** What a sidecar is made of. */
export interface SidecarOptions {
  readonly settings: SidecarSettings;
  /** Path of the Unix socket; undefined for none. */
  readonly socket: string | undefined;
  /** Tells the training logs of this process from those of others. */
  readonly name: string;
  /** What a workload identity webhook says of this pod; nothing unless given. */
  readonly environment?: WorkloadEnvironment;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Observing {
  readonly model: ObservedModel;
  readonly trainingLog: RequestLog | undefined;
}

/** A sidecar. */
export class Sidecar {
  readonly registry: Registry;
  /** Requests to a foreign runtime that could not be observed, by reason. */
  readonly unobserved: Record<string, number> = {};
  readonly #options: SidecarOptions;
  readonly #tap: TapListener;
  #observing: Observing;
  #takers = new WeakMap<EventSource, (event: TapEvent) => void>();
  /** Of training logs. What is unfinished there is this process's own from then on. */
  readonly #folders = new Set<string>();
  #configurationIsValid = true;

  /** @throws {Error} when a file that the settings name cannot be used. */
  constructor(options: SidecarOptions) {
    this.#options = options;
    this.#observing = this.#observe(options.settings);
    this.#tap = new TapListener(options.socket ?? "", options.log, (source) => this.model.taker(source));
    this.registry = sidecarMetrics({
      model: () => this.model,
      tap: this.#tap,
      trainingLog: () => this.#observing.trainingLog?.shown,
      unobserved: this.unobserved,
      configurationIsValid: () => this.#configurationIsValid,
    });
    this.model.start();
  }

  /** What is observed, by the settings in effect. */
  get model(): ObservedModel {
    return this.#observing.model;
  }

  /** Opens the socket, if there is one. */
  async listen(): Promise<void> {
    if (this.#options.socket !== undefined) await this.#tap.listen();
  }

  /** Takes one event of a source that is in this process. */
  take(source: EventSource, event: TapEvent): void {
    let taker = this.#takers.get(source);
    if (taker === undefined) {
      taker = this.model.taker(source);
      this.#takers.set(source, taker);
    }
    taker(event);
  }

  /** Counts a request to a foreign runtime that could not be observed. */
  missed(reason: string): void {
    this.unobserved[reason] = (this.unobserved[reason] ?? 0) + 1;
  }

  /**
   * Takes other settings.
   *
   * @throws {Error} when a file that they name cannot be used; what is in effect stays so.
   */
  async configure(settings: SidecarSettings): Promise<void> {
    const before = this.#observing;
    this.#observing = this.#observe(settings);
    this.#takers = new WeakMap();
    before.model.stop();
    this.model.start();
    this.#tap.disconnect();
    await before.trainingLog?.handOver();
  }

  /** Whether the settings in effect are those of the file. */
  noteConfiguration(isValid: boolean): void {
    this.#configurationIsValid = isValid;
  }

  /** Takes nothing more, and writes what waits. */
  async close(): Promise<void> {
    this.model.stop();
    if (this.#options.socket !== undefined) await this.#tap.close();
    await this.#observing.trainingLog?.close();
  }

  #observe(settings: SidecarSettings): Observing {
    const { clock, log } = this.#options;
    const { observed, drift } = settings;
    const columns = observed.columns.map((column) => column.name);
    const reference = drift?.reference;
    const fileReferences =
      reference !== undefined && "file" in reference ? readReferences(reference.file, columns) : [];
    const without = fileReferences.flatMap((found, index) => (found === undefined ? [columns[index]] : []));
    if (without.length > 0)
      log.warn("no drift of columns that the reference lacks", { "petrel.columns": without });
    const trainingLog = this.#trainingLog(settings.trainingLog);
    return { model: new ObservedModel({ settings, fileReferences, trainingLog, clock }), trainingLog };
  }

  #trainingLog(settings: TrainingLogSettings | undefined): RequestLog | undefined {
    if (settings === undefined) return undefined;
    const { name, environment = {}, clock, log } = this.#options;
    const isFirst = !this.#folders.has(settings.folder);
    this.#folders.add(settings.folder);
    return new RequestLog(settings, isFirst, { name, environment, clock, log, random: Math.random });
  }
}
