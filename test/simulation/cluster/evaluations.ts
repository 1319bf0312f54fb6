/**
 * The Job controller, and what runs in the pods of Jobs: `petrel evaluate`, which finds a model good or bad, cannot
 * tell, or never comes to an end. What it has told of which Job is remembered, as the truth.
 *
 * Simplified: a Job has one pod at a time, and what is told of a Job is the same in each of its pods.
 */
import { asList, asNumber, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { COMPONENT, CONTAINER, LABEL } from "../../../src/api/names.ts";
import type { ValidationReport } from "../../../src/api/validation-report.ts";
import { referenceTo } from "../../../src/kube/object-key.ts";
import { badReport, goodReport } from "../../fixtures/validations.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Controller, Task } from "../task.ts";
import type { World } from "../world.ts";
import { hasEnded, isTerminating, podReference } from "./pod.ts";

/** What somebody finds who tries the models of a Job. */
type Finding =
  /** It passes every threshold. */
  | "Good"
  /** It is worse than what serves, or than it should be. */
  | "Bad"
  /** It says that it passes, and not of every threshold. */
  | "Short"
  /** It cannot be tried. */
  | "Problem"
  /** Nothing is told before the Job's time has passed. */
  | "Silent";

const JOB_LABEL = "batch.kubernetes.io/job-name";

/** Makes pods of Jobs, ends Jobs, and tells what came out. */
export class Evaluations implements Controller {
  readonly name = "job-controller";
  readonly #world: World;
  readonly #random: SeededRandom;
  /** By uid of the Job: when it was made, in monotonic milliseconds. */
  readonly #madeAt = new Map<string, number>();
  /** By `UID JOB` of the ModelDeployment: whether every threshold was passed. */
  readonly #told = new Map<string, boolean>();

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
    world.onWrite(({ before, after }) => {
      if (after?.kind === "Job" && before === undefined)
        this.#madeAt.set(after.metadata.uid ?? "", world.clock.monotonic());
    });
  }

  /** Whether a Job of a ModelDeployment has told that all is passed, or that something is not; undefined before. */
  told(uid: string, job: string): boolean | undefined {
    return this.#told.get(`${uid} ${job}`);
  }

  tasks(): readonly Task[] {
    return this.#world.objects("Job").flatMap((job) => (isTerminating(job) ? [] : (this.#taskOf(job) ?? [])));
  }

  /** The next that happens in the pod of a Job; undefined when nothing does. */
  taskOfPod(pod: KubeObject): Task | undefined {
    if (hasEnded(pod)) return undefined;
    if (valueAt(pod, "status", "phase") !== "Running") {
      return this.#enter(pod, "tries its models", { phase: "Running", conditions: SCHEDULED });
    }
    if (isBroken(pod)) return this.#enter(pod, "cannot fetch a model", fetchFailed());
    const job = pod.metadata.labels?.[JOB_LABEL] ?? "";
    const finding = this.#findingOf(job);
    const report = reportOf(finding, pod);
    if (report !== undefined) {
      const { exitCode, isPassed } = report;
      const uid = pod.metadata.labels?.[LABEL.modelDeploymentUid] ?? "";
      const status = evaluated(exitCode, JSON.stringify(report.told));
      return this.#enter(pod, `finds ${finding}`, status, () => this.#told.set(`${uid} ${job}`, isPassed));
    }
    if (finding === "Silent") return undefined;
    return this.#enter(
      pod,
      "cannot try it",
      evaluated(2, JSON.stringify({ problem: "expected rows, got none" })),
    );
  }

  #findingOf(job: string): Finding {
    return this.#random.fork(job).weighted<Finding>([
      [8, "Good"],
      [3, "Bad"],
      [1, "Short"],
      [1, "Problem"],
      [1, "Silent"],
    ]);
  }

  #taskOf(job: KubeObject): Task | undefined {
    const { name, namespace, uid = "" } = job.metadata;
    const pods = this.#world
      .objects("Pod")
      .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid) === true);
    const active = pods.filter((pod) => !hasEnded(pod) && !isTerminating(pod));
    if (hasEnd(job)) return active[0] === undefined ? undefined : this.#stop(active[0]);
    if (pods.some((pod) => valueAt(pod, "status", "phase") === "Succeeded")) {
      return this.#end(job, "Complete", "CompletionsReached", "Reached expected number of succeeded pods");
    }
    const failed = pods.filter((pod) => valueAt(pod, "status", "phase") === "Failed");
    if (failed.some((pod) => finalExit(job, pod))) {
      return this.#end(job, "Failed", "PodFailurePolicy", `Container ${CONTAINER.evaluate} failed`);
    }
    if (failed.length > (asNumber(valueAt(job, "spec", "backoffLimit")) ?? 0)) {
      return this.#end(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    const age = this.#world.clock.monotonic() - (this.#madeAt.get(uid) ?? 0);
    if (age > (asNumber(valueAt(job, "spec", "activeDeadlineSeconds")) ?? 0) * 1_000) {
      return this.#end(job, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline");
    }
    if (active.length > 0) return undefined;
    return {
      what: `creates a pod of Job ${namespace}/${name}`,
      run: () => this.#world.portFor(this.name).create(this.#podOf(job), { fieldManager: this.name }),
    };
  }

  #podOf(job: KubeObject): KubeObject {
    const { name, namespace = "", uid = "" } = job.metadata;
    const template = valueAt(job, "spec", "template");
    const labels = Object.entries(valueAt(template, "metadata", "labels") ?? {});
    const owner = {
      apiVersion: "batch/v1",
      kind: "Job",
      name,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: `${name}-${this.#world.uniqueSuffix()}`,
        namespace,
        labels: {
          ...Object.fromEntries(labels.map(([key, value]) => [key, String(value)])),
          [JOB_LABEL]: name,
        },
        ownerReferences: [owner],
      },
      spec: valueAt(template, "spec"),
    };
  }

  #stop(pod: KubeObject): Task {
    return {
      what: `deletes ${pod.metadata.namespace}/${pod.metadata.name}, whose Job has ended`,
      run: () => this.#world.portFor(this.name).delete(podReference(pod), {}),
    };
  }

  #end(job: KubeObject, type: "Complete" | "Failed", reason: string, message: string): Task {
    const lastTransitionTime = new Date(this.#world.serverClock.now()).toISOString();
    const conditions = [{ type, status: "True", reason, message, lastTransitionTime }];
    return {
      what: `ends Job ${job.metadata.namespace}/${job.metadata.name}: ${reason}`,
      run: () => this.#world.writeAsComponent(this.name, referenceTo(job), { status: { conditions } }),
    };
  }

  #enter(pod: KubeObject, what: string, status: Readonly<Record<string, unknown>>, told = () => {}): Task {
    return {
      what: `${pod.metadata.name} ${what}`,
      run: async () => {
        told();
        await this.#world.writeAsComponent(this.name, podReference(pod), { status });
      },
    };
  }
}

/** Whether a pod is one of a Job that judges a model. */
export function isEvaluation({ metadata }: KubeObject): boolean {
  return metadata.labels?.[LABEL.component] === COMPONENT.validation;
}

/** URI of one of the models that a Job, or its pod, fetches: `candidate`, `baseline`. */
export function fetchedUri(podSpec: unknown, part: string): string | undefined {
  const fetch = asList(valueAt(podSpec, "initContainers")).find(
    (container) => valueAt(container, "name") === `${CONTAINER.fetch}-${part}`,
  );
  const words = asList(valueAt(fetch, "args"));
  return asString(words[words.indexOf("--uri") + 1]);
}

const SCHEDULED = [{ type: "PodScheduled", status: "True" }];

interface Told {
  readonly told: ValidationReport;
  readonly exitCode: number;
  readonly isPassed: boolean;
}

function reportOf(finding: Finding, pod: KubeObject): Told | undefined {
  const isFirst = fetchedUri(pod["spec"], "baseline") === undefined;
  const good = goodReport(isFirst);
  switch (finding) {
    case "Good":
      return { told: good, exitCode: 0, isPassed: true };
    case "Bad":
      return { told: isFirst ? { ...good, passed: false } : badReport(), exitCode: 1, isPassed: false };
    case "Short":
      return { told: { ...good, checks: good.checks.slice(1) }, exitCode: 0, isPassed: false };
    default:
      return undefined;
  }
}

function isBroken(pod: KubeObject): boolean {
  return ["candidate", "baseline"].some((part) => fetchedUri(pod["spec"], part)?.includes("broken") === true);
}

function hasEnd(job: KubeObject): boolean {
  return asList(valueAt(job, "status", "conditions")).length > 0;
}

/** Whether the Job's policy takes the pod's end for its own. */
function finalExit(job: KubeObject, pod: KubeObject): boolean {
  const [rule] = asList(valueAt(job, "spec", "podFailurePolicy", "rules"));
  const [container] = asList(valueAt(pod, "status", "containerStatuses"));
  const exitCode = valueAt(container, "state", "terminated", "exitCode");
  return asList(valueAt(rule, "onExitCodes", "values")).includes(exitCode);
}

function evaluated(exitCode: number, message: string) {
  const terminated = { exitCode, reason: exitCode === 0 ? "Completed" : "Error", message };
  return {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    conditions: SCHEDULED,
    containerStatuses: [{ name: CONTAINER.evaluate, state: { terminated } }],
  };
}

function fetchFailed() {
  const message = JSON.stringify({ message: "the file's digest is not the one in the spec" });
  const terminated = { exitCode: 1, reason: "Error", message };
  return {
    phase: "Failed",
    conditions: SCHEDULED,
    initContainerStatuses: [{ name: `${CONTAINER.fetch}-candidate`, state: { terminated } }],
  };
}
