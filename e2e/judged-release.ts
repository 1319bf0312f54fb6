/**
 * Releases that their labels must justify: a model trained on labels in random order is caught and given up, a good one is
 * promoted. For the demo, and for the test that holds what the demo shows.
 */
import type { ModelRolloutStatus } from "../src/api/model-rollout-status.ts";
import { Campaign, type CampaignResult } from "./campaign.ts";
import { exampleModel, parsedExample } from "./example-models.ts";
import type { Scenario } from "./scenario.ts";

/** The ModelDeployment of {@link CAMPAIGN_MANIFEST}. */
export const CAMPAIGN_MODEL = "campaign";
/** The example that is applied. */
export const CAMPAIGN_MANIFEST = "demo-campaign.yaml";

/** Who comes to which arm is compared from six minutes on after the first answers, and labels mature after. */
const VERDICT_SECONDS = 900;

/** What became of a release, and what its arms brought on the way. */
export type JudgedRelease = CampaignResult<ModelRolloutStatus>;

/** The campaign's ModelDeployment on a cluster. */
export class JudgedReleases {
  readonly #scenario: Scenario;
  readonly #campaign: Campaign;
  readonly #changes: object;

  private constructor(scenario: Scenario, campaign: Campaign, changes: object) {
    this.#scenario = scenario;
    this.#campaign = campaign;
    this.#changes = changes;
  }

  /**
   * Makes it, with its first model, and waits until its answers are counted.
   *
   * @param reach gives the URL of a ModelDeployment's Service.
   * @param changes fields of the spec in place of those of {@link CAMPAIGN_MANIFEST}.
   */
  static async begin(
    scenario: Scenario,
    reach: (model: string) => Promise<string>,
    changes: object = {},
  ): Promise<JudgedReleases> {
    await scenario.apply(campaignOf("1", changes));
    await scenario.waitFor(CAMPAIGN_MODEL, "Ready");
    await scenario.waitFor(CAMPAIGN_MODEL, "EvidenceReady");
    const campaign = await Campaign.counted(scenario, await reach(CAMPAIGN_MODEL), CAMPAIGN_MODEL);
    return new JudgedReleases(scenario, campaign, changes);
  }

  /**
   * Applies another model, and lets the shop go on until there is a verdict on it.
   *
   * @param ordersComeFrom with it, no order is told before the release is as it says.
   */
  async release(
    version: "2" | "shuffled",
    ordersComeFrom?: (status: ModelRolloutStatus) => boolean,
  ): Promise<JudgedRelease> {
    const before = await this.#latest();
    if (ordersComeFrom !== undefined) this.#campaign.holdOrders();
    return await this.#campaign.during(async (signal) => {
      await this.#scenario.apply(campaignOf(version, this.#changes));
      return await this.#scenario.until(
        `the verdict on model ${version}`,
        async () => {
          const name = await this.#latest();
          const status = name === before ? {} : await this.#scenario.release(name);
          if (ordersComeFrom?.(status) === true) await this.#campaign.tellOrders();
          return status;
        },
        ({ verdict }) => verdict !== undefined || signal.aborted,
        VERDICT_SECONDS,
      );
    });
  }

  async #latest(): Promise<string | undefined> {
    return (await this.#scenario.status(CAMPAIGN_MODEL)).rollout?.name;
  }
}

function campaignOf(version: "1" | "2" | "shuffled", changes: object): object {
  const example = parsedExample(CAMPAIGN_MANIFEST);
  return { ...example, spec: { ...Object(example["spec"]), ...changes, model: exampleModel(version) } };
}
