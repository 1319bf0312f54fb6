/**
 * What the tests of evidence from elsewhere ask about.
 */
import type { AskedEpoch, EvidenceQuestion } from "../outside-evidence.ts";

/** A question about these epochs of one deployment. */
export function questionAbout(epochs: readonly AskedEpoch[]): EvidenceQuestion {
  return {
    namespace: "shop",
    deployment: "ranker",
    metric: "ctr",
    values: "ZeroOne",
    better: "Higher",
    candidate: "ranker-5d9",
    stable: "ranker-4c1",
    maturesMilliseconds: 1_800_000,
    epochs,
  };
}
