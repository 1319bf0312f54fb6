/**
 * The operator's processes: as many as a run wants, each replaced some time after it has ended, and everything that
 * can happen to them.
 */
import type { PortCall } from "../../memory-cluster/faulty-port.ts";
import type { Probers } from "../cluster/probers.ts";
import type { Coverage } from "../coverage.ts";
import type { Judges } from "../judges.ts";
import type { Loads } from "../loads.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Disturbance, Task } from "../task.ts";
import type { World } from "../world.ts";
import { chooseRates, type FaultRates, RARE_WRITES, type RareWrite } from "./fault-script.ts";
import { type Leadership, OperatorProcess, type Substitutes, WATCHED_KINDS } from "./operator-process.ts";

/** What a fleet is made from. */
export interface FleetOptions {
  readonly world: World;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly substitutes: Substitutes;
  readonly judges: Judges;
  readonly loads: Loads;
  readonly probers: Probers;
  readonly sent: (process: string, call: PortCall) => void;
  readonly clockJumped: () => void;
  readonly defect: (message: string) => void;
}

/** All operator processes of a run. */
export class Fleet implements Controller, Disturbance {
  readonly name = "fleet";
  readonly #options: FleetOptions;
  readonly #rates: FaultRates;
  readonly #leaderships: readonly Leadership[];
  #slots: readonly (OperatorProcess | undefined)[];
  #startCount = 0;
  #isCalm = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#rates = chooseRates(options.random);
    this.#leaderships = options.random.weighted<readonly Leadership[]>([
      [4, ["Elected"]],
      [4, ["Elected", "Elected"]],
      [2, ["Forced", "Elected"]],
      [1, ["Forced", "Forced"]],
    ]);
    this.#slots = this.#leaderships.map(() => undefined);
    options.world.onWrite((write) => this.#process(write.actor)?.wrote(write));
  }

  /** Processes that run. */
  get running(): readonly OperatorProcess[] {
    return this.#slots.flatMap((process) => (process?.isRunning === true ? [process] : []));
  }

  /** Whether several lead at once, by whatever right. */
  get hasSeveralLeaders(): boolean {
    return this.running.filter(({ leads }) => leads).length > 1;
  }

  /** Processes that lead though the election allows one alone; empty when all is well. */
  get rivals(): readonly string[] {
    if (this.#leaderships.includes("Forced")) return [];
    const leaders = this.running.filter(({ leads }) => leads).map(({ name }) => name);
    return leaders.length > 1 ? leaders : [];
  }

  /** How its processes come to lead, for the trace. */
  get description(): string {
    return this.#leaderships.join(" and ");
  }

  tasks(): readonly Task[] {
    return this.#leaderships.flatMap((leadership, slot) => {
      if (this.#slots[slot]?.isRunning === true) return [];
      return [{ what: `starts operator ${slot + 1}`, run: () => this.#start(slot, leadership) }];
    });
  }

  /** Something happens to a process. */
  next(random: SeededRandom): Task | undefined {
    const process = random.pick(this.running);
    if (process === undefined) return undefined;
    const { name, faults } = process;
    return random.weighted<() => Task>([
      [2, () => ({ what: `kills ${name}`, run: () => process.kill("at once") })],
      [3, () => killTask(process, random.integer(0, 12))],
      [3, () => killAfterTask(process, random.integer(1, 12))],
      [4, () => killAtRareWriteTask(process, random.pick(RARE_WRITES) ?? "removal")],
      [4, () => killAfterRareWriteTask(process, random.pick(RARE_WRITES) ?? "removal")],
      [1, () => ({ what: `stops ${name}`, run: () => process.stop() })],
      [2, () => ({ what: `breaks the watches of ${name}`, run: () => process.breakWatches() })],
      [
        8,
        () => {
          const kind = random.pick(WATCHED_KINDS) ?? "Pod";
          const seconds = random.integer(1, 45);
          const what = `${name} hears nothing of ${kind} for ${seconds} s`;
          return { what, run: () => faults.lag(kind, seconds * 1000) };
        },
      ],
      [
        1,
        () => {
          const seconds = random.integer(-7200, 7200);
          return {
            what: `the clock of ${name} jumps by ${seconds} s`,
            run: () => {
              this.#options.clockJumped();
              process.clock.jump(seconds * 1000);
            },
          };
        },
      ],
    ])();
  }

  /** Nothing goes wrong any more, for those that run and those to come. */
  calm(): void {
    this.#isCalm = true;
    for (const process of this.running) process.calm();
  }

  /** Sets the clocks of those that run right; false when they were. */
  setClocksRight(): boolean {
    return this.running.filter(({ clock }) => clock.setRight()).length > 0;
  }

  /** Ends every process in good order; others come in their place. */
  restartAll(): void {
    for (const process of this.running) process.stop();
  }

  #start(slot: number, leadership: Leadership): void {
    const { world, random, coverage, substitutes, judges, loads, probers, sent, defect } = this.#options;
    this.#startCount += 1;
    const name = `operator-${this.#startCount}`;
    const rates = this.#rates;
    const process = new OperatorProcess({
      world,
      name,
      leadership,
      random: random.fork(name),
      rates,
      coverage,
      substitutes,
      judges,
      loads,
      probers,
      sent,
      hasRival: () => this.running.some((other) => other.leads && other.name !== name),
      defect,
    });
    if (this.#isCalm) process.calm();
    this.#slots = this.#slots.map((former, index) => (index === slot ? process : former));
    process.start();
  }

  #process(name: string): OperatorProcess | undefined {
    return this.#slots.find((process) => process?.name === name);
  }
}

function killTask(process: OperatorProcess, writes: number): Task {
  return {
    what: `${process.name} is to die before its write ${writes + 1} from now`,
    run: () => process.faults.killAfter(writes),
  };
}

function killAfterTask(process: OperatorProcess, writes: number): Task {
  return {
    what: `${process.name} is to die after its write ${writes} from now`,
    run: () => process.killAfterWrites(writes),
  };
}

function killAtRareWriteTask({ name, faults }: OperatorProcess, write: RareWrite): Task {
  return {
    what: `${name} is to die before its next rare write (${write})`,
    run: () => faults.killAtRareWrite(write),
  };
}

function killAfterRareWriteTask(process: OperatorProcess, write: RareWrite): Task {
  return {
    what: `${process.name} is to die after its next rare write (${write})`,
    run: () => process.killAfterRareWrite(write),
  };
}
