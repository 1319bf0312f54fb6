/**
 * What a person asks for in a spec, and whose status ends in a verdict, such as an experiment or a drill: how the command line
 * reads it, and ends it early. It writes no more than kubectl could.
 */
import type { KubeObject, ResourceType } from "../api/kube-object.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import type { KubePort } from "../kube/port.ts";
import { CommandError, EXIT } from "./exit-code.ts";

/** What is known of one. */
export interface ConcludedView<Spec, Status> {
  readonly name: string;
  readonly madeAt: string | undefined;
  readonly spec: Spec;
  /** Empty where it does not fit the schema that this program knows. */
  readonly status: Partial<Status>;
}

/** Reads objects of one kind; undefined when one is of another schema. Pure. */
export function viewReader<Spec, Status extends object>(
  isSpec: (value: unknown) => value is Spec,
  isStatus: (value: unknown) => value is Status,
): (object: KubeObject) => ConcludedView<Spec, Status> | undefined {
  return (object) => {
    const { name, creationTimestamp: madeAt } = object.metadata;
    const [spec, status] = [object["spec"], object["status"] ?? {}];
    return isSpec(spec) ? { name, madeAt, spec, status: isStatus(status) ? status : {} } : undefined;
  };
}

/** The oldest first. Pure. */
export function oldestFirst<View extends { readonly madeAt: string | undefined }>(
  views: readonly View[],
): readonly View[] {
  return views.toSorted((left, right) => Date.parse(left.madeAt ?? "") - Date.parse(right.madeAt ?? ""));
}

/** How one is ended. */
export interface EarlyEnd {
  readonly resource: ResourceType;
  readonly namespace: string;
  readonly name: string;
  /** Owner of what is written. It stands in stored objects. */
  readonly fieldManager: string;
  /** What ends it, in the spec. */
  readonly spec: object;
  /** Of the object as it stands; undefined while it is not over. */
  readonly verdictOf: (
    object: KubeObject,
  ) => { readonly outcome: string; readonly message: string } | undefined;
}

/** Ends one. Rejects with {@link CommandError} when it is over. */
export async function endEarly(
  port: Pick<KubePort, "get" | "apply">,
  { resource, namespace, name, fieldManager, spec, verdictOf }: EarlyEnd,
): Promise<void> {
  const object = await port.get({ resource, namespace, name });
  const verdict = verdictOf(object);
  if (verdict !== undefined)
    throw new CommandError(EXIT.refused, `${name} is over: ${verdict.outcome}, ${verdict.message}`);
  const { uid } = object.metadata;
  const guidance = {
    apiVersion: API_GROUP_VERSION,
    kind: resource.kind,
    // With the uid, an apply does not bring back what was deleted meanwhile.
    metadata: { name, namespace, ...(uid === undefined ? {} : { uid }) },
    spec,
  };
  await port.apply(guidance, { fieldManager, force: true });
}
