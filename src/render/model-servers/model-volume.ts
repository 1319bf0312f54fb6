/**
 * The volume through which the model comes from `fetch` to the model server: a folder that `fetch` fills, or the image
 * that holds the model, which both mount read-only.
 */
import type { ModelSource } from "../../api/model-source.ts";
import { MODEL_REPOSITORY, MODEL_VOLUME } from "../../api/names.ts";

const NAME = "model";
const IMAGE_SCHEME = "oci://";

/** Whether the model is an image. */
export function isImage({ uri }: ModelSource): boolean {
  return uri.startsWith(IMAGE_SCHEME);
}

/** The volume of a model pod. */
export function modelVolume(model: ModelSource) {
  if (!isImage(model)) return { name: NAME, emptyDir: {} };
  // Pinned by its digest: what is there already is what would be pulled.
  return {
    name: NAME,
    image: { reference: model.uri.slice(IMAGE_SCHEME.length), pullPolicy: "IfNotPresent" },
  };
}

/** Where a container sees it. */
export function modelVolumeMount(model: ModelSource) {
  return isImage(model)
    ? { name: NAME, mountPath: MODEL_VOLUME.modelDirectory, readOnly: true }
    : { name: NAME, mountPath: MODEL_VOLUME.mountPath };
}

/**
 * Where a model server that is not Petrel's sees it: the model alone, as a directory of the deployment's name. It
 * starts after `fetch`, so that the directory is there.
 */
export function modelRepositoryMount(model: ModelSource, name: string) {
  const { mountPath, modelDirectory } = MODEL_VOLUME;
  const subPath = isImage(model) ? {} : { subPath: modelDirectory.slice(`${mountPath}/`.length) };
  return { name: NAME, mountPath: `${MODEL_REPOSITORY}/${name}`, ...subPath, readOnly: true };
}
