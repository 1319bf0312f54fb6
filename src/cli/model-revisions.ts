/**
 * The model revisions of a ModelDeployment, as its ControllerRevisions keep them. Pure.
 */
import { Compile } from "typebox/compile";
import { asNumber } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, LABEL } from "../api/names.ts";
import { EXPERIMENT_ARM_NAMES } from "../core/experiment/experiment-shares.ts";
import { type ModelRevisionData, modelRevisionDataSchema } from "../core/revision/model-revision.ts";
import type { DeploymentObject } from "./deployment-object.ts";

const dataCheck = Compile(modelRevisionDataSchema);

/** What a revision is to its ModelDeployment. */
export type RevisionRole = "Stable" | "Candidate" | "Next" | "Arm" | "Former";

/** One model revision. */
export interface ModelRevision {
  readonly name: string;
  /** Grows with each new one. */
  readonly number: number;
  readonly madeAt: string | undefined;
  readonly data: ModelRevisionData;
}

/** Selects the ControllerRevisions of a ModelDeployment that keep models, not pod templates. */
export function modelRevisionSelector(name: string): string {
  const others = [COMPONENT.podRevision, COMPONENT.loadMemory].map((one) => `${LABEL.component}!=${one}`);
  return [`${LABEL.modelDeployment}=${name}`, ...others].join(",");
}

/** Reads one; undefined when it keeps something else. */
export function modelRevision(object: KubeObject): ModelRevision | undefined {
  const number = asNumber(object["revision"]);
  const data = object["data"];
  if (number === undefined || !dataCheck.Check(data)) return undefined;
  const { name, creationTimestamp } = object.metadata;
  return { name, number, madeAt: creationTimestamp, data };
}

/** Those that belong to this very ModelDeployment, oldest first. */
export function modelRevisionsOf(
  deployment: DeploymentObject,
  objects: readonly KubeObject[],
): readonly ModelRevision[] {
  return objects
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === deployment.uid) === true)
    .flatMap((object) => modelRevision(object) ?? [])
    .toSorted((left, right) => left.number - right.number);
}

/** The role of a revision; that of an arm while an experiment gives it a share. */
export function roleOf({ status }: DeploymentObject, revision: string): RevisionRole {
  if (status.revisions?.stable === revision) return "Stable";
  if (status.revisions?.candidate === revision) return "Candidate";
  if (status.revisions?.next === revision) return "Next";
  const isArm = status.traffic?.arms.some(
    ({ name, pools }) => EXPERIMENT_ARM_NAMES.has(name) && pools[0]?.revision === revision,
  );
  return isArm === true ? "Arm" : "Former";
}
