/**
 * The probers of drills in their pods: what each counts follows from what routers carry out and from which servers are ready.
 * What was so is remembered, as the truth.
 */

import { parseDurationMilliseconds } from "../../../src/api/duration.ts";
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { COMPONENT, LABEL } from "../../../src/api/names.ts";
import type { ProbeRecord } from "../../../src/api/probe-record.ts";
import type { TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { drillKey } from "../../../src/core/drill/plan-drill.ts";
import type { Task } from "../task.ts";
import type { World } from "../world.ts";
import { hasEnded, isReady, isTerminating, podReference } from "./pod.ts";
import type { Routers } from "./routers.ts";

/** Longer than that of the real one: a slot costs a look at the world. */
export const SLOT_MILLISECONDS = 500;
const PER_SLOT = 24;
const WITNESSES_PER_SLOT = 6;
const ANSWER_MILLISECONDS = 50;

/** What becomes of the requests of a slot by one plan. */
type Finding = "Met" | "Clear" | "Neither";

interface Count {
  readonly found: readonly Finding[];
  readonly good: number;
  readonly moved: number;
}

interface Prober {
  readonly drill: string;
  readonly pod: string;
  startMilliseconds: number | undefined;
  readonly slots: Count[];
}

/** What really was so, in slots. */
export interface Truth {
  readonly clearBefore: number;
  readonly met: number;
  readonly badWhileMet: number;
  readonly clearAfter: number;
}

/** All probers. */
export class Probers {
  readonly #world: World;
  readonly #routers: Routers;
  /** By IP address. */
  readonly #probers = new Map<string, Prober>();
  /** By `UNTIL` of a fault: when it was first carried out, in monotonic milliseconds. */
  readonly #firstSeen = new Map<string, number>();

  constructor(world: World, routers: Routers) {
    this.#world = world;
    this.#routers = routers;
  }

  /** The next that happens in the pod of a prober; undefined when nothing does. */
  taskOfPod(pod: KubeObject): Task | undefined {
    if (hasEnded(pod) || valueAt(pod, "status", "phase") === "Running") return undefined;
    const drill = pod.metadata.labels?.[LABEL.drill] ?? "";
    return {
      what: `${pod.metadata.name} begins to probe`,
      run: async () => {
        const number = this.#probers.size;
        const podIP = `10.9.${Math.floor(number / 250)}.${1 + (number % 250)}`;
        const prober = { drill, pod: pod.metadata.uid ?? "", startMilliseconds: undefined, slots: [] };
        this.#probers.set(podIP, prober);
        this.#sample(prober);
        const conditions = [{ type: "Ready", status: "True" }];
        await this.#world.writeAsComponent("kubelet", podReference(pod), {
          status: { phase: "Running", podIP, conditions },
        });
      },
    };
  }

  /** What an operator is told that asks. */
  async ask(address: string, key: string): Promise<ProbeRecord> {
    await new Promise<void>((resolve) => this.#world.clock.schedule(ANSWER_MILLISECONDS, resolve));
    const { drill = "", slots = [], startMilliseconds } = this.#probers.get(address) ?? {};
    if (startMilliseconds === undefined || drillKey(drill) !== key) throw new Error("nothing is counted yet");
    const column = (value: (count: Count) => number) => slots.map(value);
    const witnesses = (count: Count, finding: Finding) =>
      Math.floor(
        (WITNESSES_PER_SLOT * count.found.filter((found) => found === finding).length) /
          Math.max(1, count.found.length),
      );
    return {
      startMilliseconds,
      slotMilliseconds: SLOT_MILLISECONDS,
      sent: column(() => PER_SLOT),
      good: column(({ good }) => good),
      slow: column(() => 0),
      moved: column(({ moved }) => moved),
      late: column(() => 0),
      witnesses: column(() => WITNESSES_PER_SLOT),
      met: column((count) => witnesses(count, "Met")),
      clear: column((count) => witnesses(count, "Clear")),
    };
  }

  /** What was so in a drill, as each of its probers could see it: where a pod is lost, there is another one. */
  truthsOf(drill: string): readonly Truth[] {
    return [...this.#probers.values()].flatMap((prober) =>
      prober.drill === drill ? [truthIn(prober.slots)] : [],
    );
  }

  #sample(prober: Prober): void {
    const { clock } = this.#world;
    clock.schedule(SLOT_MILLISECONDS, () => {
      const pod = this.#world.remembered(prober.pod);
      if (pod === undefined || !this.#world.exists(prober.pod) || isTerminating(pod) || hasEnded(pod)) return;
      const count = this.#look(prober, pod);
      const isClear = count.found.length > 0 && count.found.every((found) => found === "Clear");
      if (isClear) prober.startMilliseconds ??= clock.now();
      if (prober.startMilliseconds !== undefined) prober.slots.push(count);
      this.#sample(prober);
    });
  }

  #look({ drill }: Prober, { metadata }: KubeObject): Count {
    const { namespace = "", labels = {} } = metadata;
    const deployment = this.#world.find("ModelDeployment", namespace, labels[LABEL.modelDeployment] ?? "");
    const plans = deployment === undefined ? [] : this.#routers.plansInEffect(deployment);
    const counts = plans.map((plan) => this.#byPlan(plan, drill, namespace, labels[LABEL.modelDeployment]));
    const share = PER_SLOT / Math.max(1, counts.length);
    return {
      found: counts.map(({ found }) => found),
      good: Math.floor(counts.filter(({ isGood }) => isGood).length * share),
      moved: Math.floor(counts.filter(({ isGood, isMoved }) => isGood && isMoved).length * share),
    };
  }

  #byPlan({ drill: planned, arms }: TrafficPlan, drill: string, namespace: string, name: string | undefined) {
    const [target, ...behind] = arms[0]?.pools ?? [];
    const answers = ({ revision, pool }: { readonly revision: string; readonly pool: string }) =>
      this.#world
        .objects("Pod")
        .some(
          (pod) =>
            pod.metadata.namespace === namespace &&
            pod.metadata.labels?.[LABEL.modelDeployment] === name &&
            pod.metadata.labels?.[LABEL.modelRevision] === revision &&
            pod.metadata.labels?.[LABEL.pool] === pool &&
            isReady(pod) &&
            !isTerminating(pod),
        );
    const isRouted = planned?.key === drillKey(drill);
    const isMet = isRouted && this.#isInEffect(planned?.fault);
    const targetAnswers = target !== undefined && !isMet && answers(target);
    const found: Finding = isMet ? "Met" : isRouted && targetAnswers ? "Clear" : "Neither";
    // An answer names its pool on the routes of the drill alone.
    return { found, isGood: targetAnswers || behind.some(answers), isMoved: isRouted && !targetAnswers };
  }

  /** Routers end a fault by the time of day, or after its longest time. */
  #isInEffect(fault: NonNullable<TrafficPlan["drill"]>["fault"]): boolean {
    if (fault === undefined) return false;
    const { clock } = this.#world;
    const firstAt = this.#firstSeen.get(fault.until) ?? clock.monotonic();
    this.#firstSeen.set(fault.until, firstAt);
    const isOver = clock.monotonic() - firstAt >= parseDurationMilliseconds(fault.longest);
    return !isOver && clock.now() < Date.parse(fault.until);
  }
}

function truthIn(slots: readonly Count[]): Truth {
  const all = (finding: Finding) => slots.map(({ found }) => found.every((one) => one === finding));
  const met = all("Met");
  const clear = all("Clear");
  const first = met.indexOf(true);
  const last = met.lastIndexOf(true);
  return {
    clearBefore: clear.slice(0, Math.max(0, first)).filter(Boolean).length,
    met: met.filter(Boolean).length,
    badWhileMet: slots.filter(({ good }, index) => met[index] === true && good < PER_SLOT).length,
    clearAfter: clear.slice(last + 1).filter(Boolean).length,
  };
}

/** Whether a pod, or a Job, is of a prober. */
export function isProber({ metadata }: KubeObject): boolean {
  return metadata.labels?.[LABEL.component] === COMPONENT.prober;
}

/** What a drill is to have seen at least, in slots, before it may be called passed. */
export function neededFor(drill: KubeObject): { readonly fault: number; readonly hold: number } {
  const slots = (field: string) =>
    parseDurationMilliseconds(asString(valueAt(drill, "spec", field)) ?? "1h") / SLOT_MILLISECONDS;
  return { fault: slots("duration"), hold: slots("hold") };
}
