/**
 * A model server whose image may change under its name: two pods of one revision may then answer differently.
 */
import type { Lint } from "./lint.ts";

/** The lint `unpinned-image`. */
export const unpinnedImage: Lint = {
  name: "unpinned-image",
  find({ runtime }) {
    const image = runtime.container?.image;
    if (image === undefined || /@sha256:[0-9a-f]{64}$/.test(image)) return [];
    return [
      {
        path: ["spec", "runtime", "container", "image"],
        message: `${image} is not pinned: what it names can change without a new revision`,
        remedy: "append the digest of the image: NAME:TAG@sha256:HEX",
      },
    ];
  },
};
