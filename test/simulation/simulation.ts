/**
 * One run: a world from a seed, so many steps of chance, then rest. The same seed and steps give the same run, line
 * by line.
 *
 * A step is a disturbance or none, some work of the cluster, and some time. After the steps nothing is disturbed any
 * more, all work is done until nobody writes, and everything has to be where it belongs.
 */
import { Autoscalers } from "./cluster/autoscalers.ts";
import { ControlPlane } from "./cluster/control-plane.ts";
import { DeploymentController } from "./cluster/deployment-controller.ts";
import { Evaluations } from "./cluster/evaluations.ts";
import { GarbageCollector } from "./cluster/garbage-collector.ts";
import { Kubelet } from "./cluster/kubelet.ts";
import { makeNodes } from "./cluster/nodes.ts";
import { PodScheduler } from "./cluster/pod-scheduler.ts";
import { Probers } from "./cluster/probers.ts";
import { Routers } from "./cluster/routers.ts";
import { WorkloadControllers } from "./cluster/workload-controllers.ts";
import { Coverage } from "./coverage.ts";
import { describeWrite } from "./describe-write.ts";
import { Facts, isOperator } from "./facts.ts";
import { INVARIANTS, REST_INVARIANTS } from "./invariants/index.ts";
import { Judges } from "./judges.ts";
import { Loads } from "./loads.ts";
import { Fleet } from "./operators/fleet.ts";
import type { Substitutes } from "./operators/operator-process.ts";
import { Drillers } from "./people/drillers.ts";
import { Experimenters } from "./people/experimenters.ts";
import { HoldbackTrials } from "./people/holdback-trials.ts";
import { Meddlers } from "./people/meddlers.ts";
import { ModelOwners } from "./people/model-owners.ts";
import { Neighbours } from "./people/neighbours.ts";
import { ReleaseGuides } from "./people/release-guides.ts";
import { Undoers } from "./people/undoers.ts";
import { PlanHistory } from "./plan-history.ts";
import { quietMilliseconds } from "./quiet-time.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { SimulationResult, Violation } from "./simulation-result.ts";
import type { Controller, Disturbance, Task } from "./task.ts";
import { ValidationHistory } from "./validation-history.ts";
import { World } from "./world.ts";

/** What a run is made from. */
export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  /** Errors planted to see whether they are caught. */
  readonly substitutes?: Substitutes;
}

/** Broken when somebody is at work for ever. */
export const COMES_TO_REST = "everything comes to rest";
/** Broken when something is written though nothing has changed. */
export const IDLE = "idle means idle";

/** What may happen next, and how likely. */
type Disturbances = readonly (readonly [weight: number, disturbance: Disturbance])[];

/** The part of the steps after which people who rehearse are left alone with the faults of operators; before, all is as elsewhere. */
const REHEARSED_FROM = 0.5;

/** Steps of the trace that a failure shows. */
const SHOWN_STEPS = 40;
/** Everything must be quiet by then, in far more time than it takes. */
const REST_LIMIT_SECONDS = 2_400;
/** Once all that was late has arrived, no more writes of the operator than this. */
const REST_LIMIT_WRITES = 500;
const LATEST_ARRIVAL_SECONDS = 60;
const REST_STEP_MILLISECONDS = 1_000;

/** Runs a seed to its end, or to the first violation. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const run = new Run(options);
  return await run.complete();
}

class Run {
  readonly #options: SimulationOptions;
  readonly #random: SeededRandom;
  readonly #world = new World();
  readonly #coverage = new Coverage();
  readonly #facts: Facts;
  readonly #fleet: Fleet;
  readonly #kubelet: Kubelet;
  readonly #routers: Routers;
  readonly #neighbours: Neighbours;
  readonly #guides: ReleaseGuides;
  readonly #undoers: Undoers;
  readonly #trials: HoldbackTrials;
  readonly #experimenters: Experimenters;
  /** In most worlds nobody drills. */
  readonly #drillers: Drillers | undefined;
  readonly #judges: Judges;
  readonly #loads: Loads;
  readonly #controllers: readonly Controller[];
  readonly #disturbances: Disturbances;
  readonly #rehearsal: Disturbances;
  #violation: Violation | undefined;
  #operatorWrites = 0;
  #busyAt = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const world = this.#world;
    const nodes = makeNodes(this.#random.fork("nodes"));
    const history = new PlanHistory(world);
    this.#routers = new Routers(world, nodes, history);
    const evaluations = new Evaluations(world, this.#random.fork("evaluations"));
    const validations = new ValidationHistory(world, evaluations);
    const probers = new Probers(world, this.#routers);
    this.#kubelet = new Kubelet(world, nodes, this.#routers, evaluations, probers);
    this.#judges = new Judges(world, this.#random.fork("judges"));
    this.#loads = new Loads(world, this.#random.fork("loads"), this.#routers);
    this.#facts = new Facts(world, this.#routers, history, this.#judges, validations, this.#loads, probers);
    this.#fleet = new Fleet({
      world,
      random: this.#random.fork("fleet"),
      coverage: this.#coverage,
      substitutes: options.substitutes ?? {},
      judges: this.#judges,
      loads: this.#loads,
      probers,
      sent: (process, call) => this.#facts.noteSent(process, call),
      clockJumped: () => {
        this.#facts.clocksDiffer = true;
      },
      defect: (message) => this.#breaks("no error that only a defect can cause", message),
    });
    this.#guides = new ReleaseGuides(world);
    this.#trials = new HoldbackTrials(world, this.#random.fork("trials"));
    this.#experimenters = new Experimenters(world, this.#random.fork("experimenters"));
    const owners = new ModelOwners(world, this.#random.fork("owners"));
    const autoscalers = new Autoscalers(world);
    const drills = this.#random.fork("drillers");
    this.#drillers = drills.chance(0.25) ? new Drillers(world, drills) : undefined;
    this.#controllers = [
      this.#fleet,
      new WorkloadControllers(new DeploymentController(world), evaluations),
      new PodScheduler(world, nodes),
      this.#kubelet,
      this.#routers,
      new GarbageCollector(world),
      autoscalers,
      this.#guides,
      this.#trials,
      ...(owners.isCurious ? [this.#experimenters] : []),
      ...(this.#drillers === undefined ? [] : [this.#drillers]),
    ];
    this.#neighbours = new Neighbours(world, this.#facts);
    this.#undoers = new Undoers(world, this.#random.fork("undoers"));
    this.#disturbances = [
      [owners.isRestless ? 30 : 6, owners],
      [3, new Meddlers(world, this.#facts)],
      [4, this.#kubelet],
      [3, this.#routers],
      [6, this.#fleet],
      [3, this.#guides],
      [this.#undoers.isRueful ? 20 : 1, this.#undoers],
      [0.2, this.#neighbours],
      [1, new ControlPlane(world)],
      [3, autoscalers],
      [owners.isCurious ? 5 : 0, this.#experimenters],
      ...(this.#drillers === undefined ? [] : [[3, this.#drillers] as const]),
    ];
    // Whatever else happens ends a drill, or keeps it from its turn: the later part of a world with drills has little else.
    this.#rehearsal =
      this.#drillers === undefined
        ? this.#disturbances
        : [
            [10, this.#drillers],
            [3, this.#fleet],
            [1, new ControlPlane(world)],
          ];
    world.onWrite((write) => {
      const object = write.after ?? write.before;
      if (object?.kind === "Lease") return;
      this.#busyAt = world.clock.monotonic();
      if (isOperator(write.actor)) this.#operatorWrites += 1;
      world.trace.note(describeWrite(write));
      for (const invariant of INVARIANTS) {
        const details = invariant.brokenBy(write, this.#facts);
        if (details !== undefined) this.#breaks(invariant.name, details);
      }
    });
  }

  async complete(): Promise<SimulationResult> {
    const { seed, steps } = this.#options;
    await this.#neighbours.settle(this.#random.fork("neighbours"));
    this.#world.trace.note(`operators: ${this.#fleet.description}`);
    for (let step = 0; step < steps && this.#violation === undefined; step++) {
      await this.#step(step < steps * REHEARSED_FROM ? this.#disturbances : this.#rehearsal);
    }
    if (this.#violation === undefined) await this.#rest();
    const { trace } = this.#world;
    return {
      seed,
      steps,
      ...(this.#violation === undefined ? {} : { violation: this.#violation }),
      traceHash: trace.hash(),
      lastLines: trace.lastSteps(SHOWN_STEPS),
      coverage: this.#coverage.cells,
      operatorWrites: this.#operatorWrites,
    };
  }

  async #step(disturbances: Disturbances): Promise<void> {
    const random = this.#random;
    this.#beginStep();
    if (random.chance(0.35)) {
      const disturbance = random.weighted(disturbances);
      const task = disturbance.next(random);
      if (task !== undefined) await this.#do(disturbance.name, task);
    }
    for (let count = random.integer(0, 6); count > 0; count--) {
      const controller = random.pick(this.#controllers);
      const task = random.pick(controller?.tasks() ?? []);
      if (controller === undefined || task === undefined) continue;
      await this.#do(controller.name, task);
      if (random.chance(0.5)) await this.#world.clock.advance(random.integer(0, 200));
    }
    await this.#world.clock.advance(
      random.weighted([
        [6, random.integer(0, 500)],
        [5, random.integer(500, 4_000)],
        [1, random.integer(4_000, 20_000)],
        [0.15, random.integer(20_000, 120_000)],
      ]),
    );
    this.#checkLeaders();
  }

  #checkLeaders(): void {
    const { rivals } = this.#fleet;
    if (rivals.length > 0) this.#breaks("one elected leader at a time", `${rivals.join(" and ")} lead`);
  }

  /** Lets everything come to rest, looks whether all is well, and whether it stays so. */
  async #rest(): Promise<void> {
    const { trace } = this.#world;
    trace.note("everybody is left alone");
    this.#fleet.calm();
    this.#kubelet.calm();
    this.#routers.calm();
    this.#guides.calm();
    this.#drillers?.calm();
    this.#judges.calm();
    this.#loads.calm();
    this.#facts.isCalm = true;
    if (!(await this.#settlesWell())) return;

    // Names become free, of which nobody is told: whoever waits for one has to look again by himself.
    if (!(await this.#stirs(this.#neighbours.name, this.#neighbours.leaving()))) return;
    if (!(await this.#stirs(this.#experimenters.name, this.#experimenters.atRest()))) return;
    if (!(await this.#stirs(this.#trials.name, this.#trials.atRest()))) return;
    if (!(await this.#stirs(this.#undoers.name, this.#undoers.atRest()))) return;
    if (!(await this.#stirs(this.#undoers.name, this.#undoers.appliedAgain()))) return;
    if (!(await this.#stirs(this.#undoers.name, this.#undoers.forgotten()))) return;

    if (this.#drillers !== undefined)
      if (!(await this.#stirs(this.#drillers.name, this.#drillers.atRest()))) return;

    // New processes look at everything once more; what is as it should be is not written again.
    const writes = this.#operatorWrites;
    this.#beginStep();
    this.#fleet.restartAll();
    trace.note("all operators are replaced");
    if (!(await this.#settles())) return;
    const surplus = this.#operatorWrites - writes;
    if (surplus > 0) this.#breaks(IDLE, `${surplus} writes though nothing had changed`);
  }

  /** Somebody does something more, and all is well again. */
  async #stirs(who: string, tasks: readonly Task[]): Promise<boolean> {
    if (tasks.length === 0) return true;
    this.#beginStep();
    for (const task of tasks) await this.#do(who, task);
    return await this.#settlesWell();
  }

  /** Comes to rest, and finds everything where it belongs. */
  async #settlesWell(): Promise<boolean> {
    if (!(await this.#settles())) return false;
    for (const invariant of REST_INVARIANTS) {
      for (const problem of invariant.problems(this.#facts)) this.#breaks(invariant.name, problem);
    }
    return this.#violation === undefined;
  }

  /** Does all work until nobody has had any for a while. */
  async #settles(): Promise<boolean> {
    const { clock } = this.#world;
    const startedAt = clock.monotonic();
    let writesBefore = this.#operatorWrites;
    this.#busyAt = startedAt;
    while (clock.monotonic() - this.#busyAt < quietMilliseconds(this.#world)) {
      if (this.#violation !== undefined) return false;
      const seconds = (clock.monotonic() - startedAt) / 1000;
      if (seconds < LATEST_ARRIVAL_SECONDS) writesBefore = this.#operatorWrites;
      const writes = this.#operatorWrites - writesBefore;
      // Two that lead at once, by clocks that differ, know other loads of the last minute, and tell so in turn. With clocks
      // that are right there must be an end of it.
      if (writes > REST_LIMIT_WRITES && this.#fleet.hasSeveralLeaders && this.#fleet.setClocksRight()) {
        writesBefore = this.#operatorWrites;
        continue;
      }
      if (seconds > REST_LIMIT_SECONDS || writes > REST_LIMIT_WRITES) {
        this.#breaks(COMES_TO_REST, `after ${seconds} s and ${writes} writes somebody is still at work`);
        return false;
      }
      this.#beginStep();
      for (const controller of this.#controllers) {
        const tasks = controller.tasks();
        let current: readonly Task[] | undefined = tasks;
        for (const task of tasks) {
          // Only what is still to be done after the tasks before it.
          current ??= controller.tasks();
          if (!current.some(({ what }) => what === task.what)) continue;
          await this.#do(controller.name, task);
          current = undefined;
          this.#busyAt = clock.monotonic();
        }
      }
      await clock.advance(REST_STEP_MILLISECONDS);
      this.#checkLeaders();
    }
    return true;
  }

  #beginStep(): void {
    const seconds = (this.#world.clock.monotonic() / 1000).toFixed(3);
    this.#world.trace.beginStep(`at ${seconds} s`);
  }

  async #do(who: string, task: Task): Promise<void> {
    this.#world.trace.note(`${who}: ${task.what}`);
    await task.run();
    await this.#world.clock.runUntilIdle();
  }

  /** The first violation is what the run is about; what follows may follow from it. */
  #breaks(invariant: string, details: string): void {
    const { trace } = this.#world;
    trace.note(`BROKEN: ${invariant}: ${details}`);
    this.#violation ??= { invariant, details, step: trace.step };
  }
}
