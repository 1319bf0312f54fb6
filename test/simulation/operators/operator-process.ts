/**
 * One operator process: the real operator and the real leader election, over a port that goes wrong.
 *
 * A kill leaves no trace but what the process has written: it is cut off, and its successor starts with nothing.
 */
import { API_GROUP } from "../../../src/api/names.ts";
import type { LogFields, Logger } from "../../../src/core/log.ts";
import { errorMessage } from "../../../src/core/log.ts";
import type { OperatorSettings } from "../../../src/core/observation.ts";
import { EventRecorder } from "../../../src/kube/events.ts";
import { runLeaderElection } from "../../../src/kube/leader-election.ts";
import type { KubePort } from "../../../src/kube/port.ts";
import { CHILD_RESOURCES, OPTIONAL_KINDS } from "../../../src/operator/caches.ts";
import { eventSink } from "../../../src/operator/event-sink.ts";
import { Operator, type OperatorOptions } from "../../../src/operator/operator.ts";
import { FaultyPort, type PortCall } from "../../memory-cluster/faulty-port.ts";
import type { Probers } from "../cluster/probers.ts";
import type { Coverage } from "../coverage.ts";
import type { Judges } from "../judges.ts";
import { JumpingClock } from "../jumping-clock.ts";
import type { Loads } from "../loads.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { World, Write } from "../world.ts";
import { rowsOf } from "../write-point.ts";
import { type FaultRates, isRare, OperatorFaults, type RareWrite } from "./fault-script.ts";

/** Settings of every operator of the simulation. */
export const SETTINGS: OperatorSettings = {
  image: "registry.example/petrel:1.0.0",
  cudaImage: "registry.example/petrel-serve-cuda:1.0.0",
  envoyImage: "registry.example/envoy:1.40.0",
  imagePullPolicy: "IfNotPresent",
  routerRole: { kind: "ClusterRole", name: "petrel-router" },
  routerReplicas: 2,
  metricsScrapers: [],
  usesKeda: true,
};

/** Namespace of the operators and of their Lease. */
export const OPERATOR_NAMESPACE = "petrel-system";

/** Kinds that an operator watches. Their caches can lag, each by itself. */
export const WATCHED_KINDS = [
  "ModelDeployment",
  "ModelRollout",
  "ModelExperiment",
  "FailoverDrill",
  "Pod",
  "EndpointSlice",
  ...CHILD_RESOURCES.map(({ kind }) => kind),
  ...OPTIONAL_KINDS,
] as const;

/** How it comes to lead: by the lease, or at once, as after a partition that the lease does not survive. */
export type Leadership = "Elected" | "Forced";

/** What can be put in the place of the real parts, to see whether the simulation notices. */
export interface Substitutes {
  readonly decide?: NonNullable<OperatorOptions["decide"]>;
  readonly decideRouters?: NonNullable<OperatorOptions["decideRouters"]>;
  /** Puts something around the port that the operator gets. */
  readonly port?: (port: KubePort, process: OperatorProcess) => KubePort;
}

/** What a process is made from. */
export interface OperatorProcessOptions {
  readonly world: World;
  /** Unique: a restarted process is another one. */
  readonly name: string;
  readonly leadership: Leadership;
  readonly random: SeededRandom;
  readonly rates: FaultRates;
  readonly coverage: Coverage;
  readonly substitutes: Substitutes;
  /** Told of each call in the moment in which it is sent. */
  readonly sent: (process: string, call: PortCall) => void;
  /** Who answers for gates. */
  readonly judges: Judges;
  /** Who tells of loads. */
  readonly loads: Loads;
  /** Who counts for drills. */
  readonly probers: Probers;
  /** Whether another process leads as well. */
  readonly hasRival: () => boolean;
  /** Told of errors that no fault explains. */
  readonly defect: (message: string) => void;
}

/** A running operator. */
export class OperatorProcess {
  readonly name: string;
  readonly faults: OperatorFaults;
  readonly clock: JumpingClock;
  readonly #options: OperatorProcessOptions;
  readonly #port: FaultyPort;
  readonly #stop = new AbortController();
  readonly #watching = new AbortController();
  #state: "Running" | "Ended" = "Running";
  #leads = false;
  #writesUntilKill: number | undefined;
  #diesAfterRareWrite: RareWrite | undefined;

  constructor(options: OperatorProcessOptions) {
    this.#options = options;
    const { world, name, random, rates, coverage } = options;
    this.name = name;
    this.clock = new JumpingClock(world.clock);
    const listener = {
      sent: (call: PortCall) => options.sent(name, call),
      killed: () => this.kill("before a write"),
      rowsOf: (call: PortCall) => this.#rowsOf(call),
      circumstances: () => [
        ...(options.hasRival() ? ["Two leaders"] : []),
        ...(this.clock.hasJumped ? ["Jumped clock"] : []),
      ],
    };
    this.faults = new OperatorFaults({
      random: random.fork("faults"),
      clock: world.clock,
      rates,
      coverage,
      listener,
    });
    this.#port = new FaultyPort(world.portFor(name), world.clock, this.faults);
  }

  /** Whether it has neither been killed nor come to its end. */
  get isRunning(): boolean {
    return this.#state === "Running";
  }

  /** Whether its reconcilers run. */
  get leads(): boolean {
    return this.#leads && this.isRunning;
  }

  /** Begins. */
  start(): void {
    const { random, substitutes } = this.#options;
    const port = substitutes.port?.(this.#port, this) ?? this.#port;
    const access = { port, clock: this.clock, random: random.next, log: this.#logger() };
    const events = new EventRecorder({
      ...access,
      reportingController: `${API_GROUP}/operator`,
      reportingInstance: this.name,
    });
    const operator = new Operator({
      ...access,
      settings: SETTINGS,
      workers: 3,
      askGate: this.#options.judges.askedBy(this.name),
      askLoad: this.#options.loads.askedBy(this.name),
      askProber: (address, key) => this.#options.probers.ask(address, key),
      recordEvent: eventSink(events),
      ...(substitutes.decide === undefined ? {} : { decide: substitutes.decide }),
      ...(substitutes.decideRouters === undefined ? {} : { decideRouters: substitutes.decideRouters }),
    });
    const watches = operator.watch(this.#watching.signal);
    const lead = async (lost: AbortSignal) => {
      this.#leads = true;
      await operator.lead(this.#stop.signal, lost);
      this.#leads = false;
    };
    const led =
      this.#options.leadership === "Forced"
        ? lead(new AbortController().signal)
        : runLeaderElection(
            {
              ...access,
              namespace: OPERATOR_NAMESPACE,
              name: "petrel-operator",
              identity: this.name,
              lead,
            },
            this.#stop.signal,
          );
    void led.then(async () => {
      this.#watching.abort();
      await watches;
      this.#state = "Ended";
    });
  }

  /** Cuts it off at once. */
  kill(when: string): void {
    if (!this.isRunning) return;
    this.#state = "Ended";
    this.#port.sever();
    this.#options.world.trace.note(`${this.name} is killed ${when}`);
  }

  /** Asks it to stop in good order. */
  stop(): void {
    this.#stop.abort();
  }

  /** Breaks every watch that it has. */
  breakWatches(): void {
    this.faults.noteBroken(WATCHED_KINDS);
    this.#port.breakWatches();
  }

  /** Has it die right after so many of its writes took effect. */
  killAfterWrites(writes: number): void {
    this.#writesUntilKill = writes;
  }

  /** Has it die right after the next such write. */
  killAfterRareWrite(write: RareWrite): void {
    this.#diesAfterRareWrite = write;
  }

  /** Told by the world that a write of this process took effect. */
  wrote({ call, before, after }: Write): void {
    const isLast = this.#countDownToKill();
    if (!isLast && this.#diesAfterRareWrite === undefined) return;
    const rows = call === undefined ? [] : rowsOf({ ...call, before, after, tookEffect: true });
    if (!isLast && !isRare(this.#diesAfterRareWrite, call?.verb ?? "", rows)) return;
    this.#diesAfterRareWrite = undefined;
    for (const row of rows) this.#options.coverage.count("Killed after", row);
    this.kill("after a write");
  }

  /** Lets nothing go wrong any more. */
  calm(): void {
    this.#writesUntilKill = undefined;
    this.#diesAfterRareWrite = undefined;
    this.faults.calm();
  }

  #countDownToKill(): boolean {
    if (this.#writesUntilKill === undefined) return false;
    this.#writesUntilKill -= 1;
    if (this.#writesUntilKill > 0) return false;
    this.#writesUntilKill = undefined;
    return true;
  }

  #rowsOf(call: PortCall): readonly string[] {
    const { verb, resource, namespace = "", name = "", subresource, object } = call;
    const before = this.#options.world.find(resource.kind, namespace, name);
    return rowsOf({ verb, kind: resource.kind, subresource, before, after: object });
  }

  /** Warnings go to the trace. An error of the language itself is a defect, whatever its faults are. */
  #logger(): Logger {
    const note =
      (level: string) =>
      (message: string, fields: LogFields = {}) => {
        const { error, ...rest } = fields;
        if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) {
          this.#options.defect(`${message}: ${error.stack}`);
        }
        const reason = error === undefined ? "" : `: ${errorMessage(error)}`;
        const about = rest["petrel.key"] ?? rest["petrel.resource"] ?? "";
        this.#options.world.trace.note(`${this.name} ${level}: ${message} ${about}${reason}`);
      };
    const logger: Logger = {
      debug: note("says"),
      info: () => {},
      warn: note("warns"),
      error: note("errs"),
      child: () => logger,
    };
    return logger;
  }
}
