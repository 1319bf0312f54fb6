/**
 * The port through which all of Petrel talks to the Kubernetes API.
 *
 * Two implementations exist: the real one over HTTPS (`transport.ts`) and an in-memory one for the
 * simulation. One contract suite runs on both, so nothing may rely on what the suite does not state.
 * It must never grow a method for one kind: kinds are data ({@link ResourceType}).
 */
import type { KubeObject, ObjectReference, ResourceType } from "../api/kube-object.ts";

/** Which objects of a type a list or a watch covers. */
export interface Scope {
  /** One namespace; absent for all. */
  readonly namespace?: string;
  /** In the API's own syntax, `key=value,other in (a,b)`. */
  readonly labelSelector?: string;
  /** In the API's own syntax, `metadata.name=x`. */
  readonly fieldSelector?: string;
}

/** One page of a list. */
export interface ObjectList {
  readonly items: readonly KubeObject[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
  /** Present while more pages follow. */
  readonly continueToken?: string;
}

/** Options of one list call. */
export interface ListOptions extends Scope {
  /** At most so many items in the page. */
  readonly limit?: number;
  readonly continueToken?: string;
}

/** Options of one watch. */
export interface WatchOptions extends Scope {
  /**
   * Events after this version. Absent together with `sendInitialEvents`: from "any". A watch from a version
   * that the server has not reached (etcd was restored from a backup) hears nothing until it ends.
   */
  readonly resourceVersion?: string;
  /** Ask for the present objects first (WatchList); ended by a bookmark with `initialEventsEnd`. */
  readonly sendInitialEvents?: boolean;
  /** The server ends the watch after so many seconds. */
  readonly timeoutSeconds: number;
}

/** What a watch delivers. An expired version ends the watch with a {@link KubeError} of status 410. */
export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly initialEventsEnd: boolean };

/** Options of a server-side apply. */
export interface ApplyOptions {
  readonly fieldManager: string;
  /** Take over fields that another manager owns. Without it such a field is a conflict (409). */
  readonly force: boolean;
  /** Apply to a subresource instead of the object. */
  readonly subresource?: "status" | "scale";
}

/** Options of a delete. */
export interface DeleteOptions {
  /** Delete only this very object, not a later one of the same name; otherwise 409. */
  readonly uid?: string;
  /** `Background` (dependents go after it) unless set. */
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
}

/**
 * Reads and writes of Kubernetes objects. Every method rejects with {@link KubeError} when the API refuses.
 */
export interface KubePort {
  list(resource: ResourceType, options: ListOptions): Promise<ObjectList>;
  /** Ends (returns) when the server closes the watch cleanly; throws on any error; stops on `signal`. */
  watch(resource: ResourceType, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent>;
  get(reference: ObjectReference): Promise<KubeObject>;
  create(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject>;
  /**
   * Replaces the whole object. `metadata.resourceVersion` must be set: another writer in between is a 409.
   * For objects whose holder changes hands (a Lease); everything else is applied.
   */
  replace(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject>;
  /**
   * Server-side apply. With `metadata.resourceVersion` set, a version that is no longer the stored one is a
   * 409 and nothing is written. An object that is gone is made anew all the same, unless `metadata.uid` is
   * set as well (409); its status is a 404. A custom resource cannot be scaled in this way. With
   * `subresource: "scale"`, `object` is an `autoscaling/v1` Scale and `target` names the object that is
   * scaled.
   */
  apply(object: KubeObject, options: ApplyOptions, target?: ObjectReference): Promise<KubeObject>;
  delete(reference: ObjectReference, options: DeleteOptions): Promise<void>;
}

/** A refusal by the API, or no answer from it. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  /** HTTP status; 0 when no answer came (connection refused, reset, timed out). */
  readonly status: number;
  /** The API's own reason (`Conflict`, `AlreadyExists`, `NotFound`, `Expired`, ...), or `NoAnswer`. */
  readonly reason: string;
  /** How long the server asked to wait, in seconds. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfterSeconds?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Whether the error says that the object is not there. */
export function isNotFound(error: unknown): error is KubeError {
  return error instanceof KubeError && error.status === 404;
}

/** Whether another writer was faster, or a precondition did not hold. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409;
}

/** Whether a resource version is too old to go on from: list again. */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 410 || error.reason === "Expired");
}
