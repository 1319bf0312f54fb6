/**
 * Names of a ModelDeployment's children. They follow from what a child is, so that it is found again, and no two
 * children of any two ModelDeployments of a namespace meet in one name.
 */
import { childName } from "../api/child-name.ts";
import { contentHash } from "../api/content-hash.ts";

/** Name of the Deployment of one revision in one pool, and of its disruption budget. */
export function modelServersName(deploymentName: string, pool: string, revision: string): string {
  return childName(deploymentName, pool, contentHash([deploymentName, pool, revision]));
}

/** Name of the ServiceAccount of the model servers. */
export function modelServerAccountName(deploymentName: string): string {
  return childName(deploymentName, "model-server");
}

/**
 * Name of the headless Service and of the NetworkPolicy of the model servers. The hash keeps it apart from the Service
 * of a ModelDeployment that is called like that.
 */
export function modelServersGroupName(deploymentName: string): string {
  return childName(deploymentName, "model-servers", contentHash(["model-servers", deploymentName]));
}

/** Name of the ControllerRevision that keeps the pod template of model servers for the hash of its inputs. */
export function podRevisionName(
  deploymentName: string,
  pool: string,
  revision: string,
  inputsHash: string,
): string {
  return childName(deploymentName, pool, contentHash(["pods", deploymentName, pool, revision, inputsHash]));
}

/** Name of the Job of a validation: of the same question the same name. */
export function validationJobName(deploymentName: string, question: readonly string[]): string {
  return childName(deploymentName, "validation", contentHash(["validation", deploymentName, ...question]));
}

/** Name of the ModelRollout of a release: readable, and no two ModelDeployments have it in common. */
export function rolloutName(deploymentName: string, number: number): string {
  return childName(deploymentName, String(number));
}

/** Name of the Job of the prober of a drill. */
export function proberJobName(deploymentName: string, drillUid: string): string {
  return childName(deploymentName, "prober", contentHash(["prober", deploymentName, drillUid]));
}

/** Name of the NetworkPolicy of the probers of a ModelDeployment. */
export function probersGroupName(deploymentName: string): string {
  return childName(deploymentName, "probers", contentHash(["probers", deploymentName]));
}
