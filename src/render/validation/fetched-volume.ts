/**
 * What the pod of a validation fetches, each into a volume of its own: by the same container that fetches a model for a
 * model server.
 *
 * What several of them mount alike is one volume of the pod: a claim that a pod names twice can keep its kubelet from
 * starting it.
 */
import { canonicalJson } from "../../api/content-hash.ts";
import { CONTAINER, MODEL_VOLUME, VALIDATION_MOUNT } from "../../api/names.ts";
import { fetchContainer } from "../model-servers/fetch-container.ts";
import { type FetchedInput, fetchVolumes } from "../model-servers/fetch-volumes.ts";
import { isImage, modelVolume } from "../model-servers/model-volume.ts";

/** What is fetched. */
export type FetchedPart = keyof typeof VALIDATION_MOUNT.fetched;

/** All that is fetched, in the order in which it is. */
export type FetchedParts = readonly (readonly [FetchedPart, FetchedInput])[];

/** The last part of the folder in which `fetch` shows what it has brought. */
const SHOWN = MODEL_VOLUME.modelDirectory.slice(MODEL_VOLUME.mountPath.length);

/** The folder in which the container that evaluates sees it. */
export function fetchedFolder(part: FetchedPart): string {
  return `${VALIDATION_MOUNT.fetched[part]}${SHOWN}`;
}

/** The init containers that fetch, and the volumes of their pod. */
export function fetching(parts: FetchedParts) {
  const shared = new Map<string, { readonly name: string }>();
  const initContainers = parts.map(([part, input]) => {
    const names = new Map<string, string>([[modelVolume(input.model).name, part]]);
    for (const { volume } of fetchVolumes(input)) {
      const { name, ...source } = volume;
      const key = canonicalJson(source);
      const known = shared.get(key) ?? { ...source, name: `fetch-${shared.size}` };
      shared.set(key, known);
      names.set(name, known.name);
    }
    const container = fetchContainer(input);
    return {
      ...container,
      name: `${CONTAINER.fetch}-${part}`,
      volumeMounts: container.volumeMounts.map((mount) => ({
        ...mount,
        name: names.get(mount.name) ?? mount.name,
      })),
    };
  });
  const own = parts.map(([part, { model }]) => ({ ...modelVolume(model), name: part }));
  return { initContainers, volumes: [...own, ...shared.values()] };
}

/** Where the container that evaluates sees it: never to write. */
export function fetchedMount(part: FetchedPart, { model }: Pick<FetchedInput, "model">) {
  const mountPath = isImage(model) ? fetchedFolder(part) : VALIDATION_MOUNT.fetched[part];
  return { name: part, mountPath, readOnly: true };
}
