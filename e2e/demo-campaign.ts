/**
 * The demo's releases: orders decide about a model trained on labels in random order, and about a good one.
 */
import { asList, valueAt } from "../src/api/json.ts";
import type { ArmResult } from "./campaign.ts";
import { EvidenceVolume } from "./evidence-volume.ts";
import { CAMPAIGN_MANIFEST, CAMPAIGN_MODEL, type JudgedRelease, JudgedReleases } from "./judged-release.ts";
import type { Scenario } from "./scenario.ts";

const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

/** Where the demo runs. */
export interface DemoPlace {
  readonly scenario: Scenario;
  /** For a volume of the evidence, where the cluster makes none itself. */
  readonly evidenceFolder: string | undefined;
}

/**
 * Shows both releases, from the beginning also where they were shown before.
 *
 * @param reach gives the URL of a ModelDeployment's Service.
 */
export async function showJudgedReleases(
  { scenario, evidenceFolder }: DemoPlace,
  reach: (model: string) => Promise<string>,
  say: (line: string) => void,
): Promise<void> {
  if (evidenceFolder !== undefined) await new EvidenceVolume(scenario, evidenceFolder).make();
  else if (!(await hasDefaultStorageClass(scenario))) {
    say(
      "NOT SHOWN: releases that orders decide about (this cluster has no default StorageClass for evidence)",
    );
    return;
  }
  say(
    `kubectl apply -f examples/${CAMPAIGN_MANIFEST}: a shop writes to those whom a model says will buy again`,
  );
  await scenario.kubectl("delete", "modeldeployment", CAMPAIGN_MODEL, "--ignore-not-found");
  const releases = await JudgedReleases.begin(scenario, reach);
  say("a release of a model trained on labels in random order, with half of the users:");
  showRelease(await releases.release("shuffled"), say);
  say(
    "a release of version 2; who comes to which model is compared from six minutes on, so this takes eight:",
  );
  showRelease(await releases.release("2"), say);
}

function showRelease(
  { happened: { verdict }, stable, candidate }: JudgedRelease,
  say: (line: string) => void,
) {
  say(`${verdict?.outcome} (${verdict?.reason}): ${verdict?.message}`);
  say(`  stable ${countsOf(stable)}, the new model ${countsOf(candidate)}`);
}

function countsOf({ users, orders }: ArmResult): string {
  return `${users} users, ${orders} orders`;
}

async function hasDefaultStorageClass(scenario: Scenario): Promise<boolean> {
  const classes = asList(valueAt(await scenario.get("storageclasses"), "items"));
  return classes.some((one) => valueAt(one, "metadata", "annotations", DEFAULT_CLASS) === "true");
}
