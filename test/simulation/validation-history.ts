/**
 * Every validation that was ever stored, by ModelDeployment: which question each Job stands for, and which revisions
 * have passed. Filled from what is stored and from what Jobs told; the planner has no part in it.
 */
import { asList, asString, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { Evaluations } from "./cluster/evaluations.ts";
import type { World } from "./world.ts";

/** A validation in the status of a ModelDeployment. */
export interface StoredValidation {
  readonly job: string;
  readonly revision: string;
  readonly baseline: string | undefined;
  readonly settings: string | undefined;
  readonly outcome: string | undefined;
}

/** The validation in the status of a ModelDeployment; undefined when there is none. */
export function storedValidation(deployment: KubeObject | undefined): StoredValidation | undefined {
  const validation = valueAt(deployment, "status", "validation");
  const text = (name: string) => asString(valueAt(validation, name));
  const [job, revision] = [text("job"), text("revision")];
  if (job === undefined || revision === undefined) return undefined;
  return { job, revision, baseline: text("baseline"), settings: text("settings"), outcome: text("outcome") };
}

/** A question that a Job stands for. */
export interface AskedValidation extends StoredValidation {
  /** The first pool of the spec that it was asked about last: its models are judged, whatever people state meanwhile. */
  readonly firstPool: string;
}

/** Remembers validations. */
export class ValidationHistory {
  readonly #evaluations: Evaluations;
  /** By `UID JOB` of the ModelDeployment. */
  readonly #questions = new Map<string, AskedValidation>();

  constructor(world: World, evaluations: Evaluations) {
    this.#evaluations = evaluations;
    world.onWrite(({ after }) => {
      const stored = after?.kind === "ModelDeployment" ? storedValidation(after) : undefined;
      if (after === undefined || stored === undefined) return;
      const key = `${after.metadata.uid} ${stored.job}`;
      const isOfSpec = valueAt(after, "status", "observedGeneration") === after.metadata.generation;
      const now = asString(valueAt(asList(valueAt(after, "spec", "pools"))[0], "name")) ?? "";
      const firstPool = isOfSpec ? now : (this.#questions.get(key)?.firstPool ?? now);
      this.#questions.set(key, { ...stored, firstPool });
    });
  }

  /** What a Job was asked; undefined for one that no status has named. */
  question(uid: string, job: string): AskedValidation | undefined {
    return this.#questions.get(`${uid} ${job}`);
  }

  /** Whether a Job has told that all is passed, or that something is not; undefined before. */
  told(uid: string, job: string): boolean | undefined {
    return this.#evaluations.told(uid, job);
  }

  /** Whether a revision has ever passed: a Job told so, and it stands in a status. */
  hasPassed(uid: string, revision: string): boolean {
    return [...this.#questions].some(
      ([key, question]) =>
        key.startsWith(`${uid} `) &&
        question.revision === revision &&
        question.outcome === "Passed" &&
        this.told(uid, question.job) === true,
    );
  }
}
