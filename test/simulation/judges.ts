/**
 * Who answers the web hooks of releases: of each release somebody who finds it good, or bad, or is of two minds for a
 * while, or does not answer. What was answered to whom is remembered, as the truth.
 */
import { asString, parseJson, valueAt } from "../../src/api/json.ts";
import type { GateQuestion } from "../../src/core/rollout/gates/gate-questions.ts";
import type { ShadowQuestion } from "../../src/core/rollout/gates/shadow-evidence.ts";
import type { AskGate } from "../../src/operator/gate-answers.ts";
import { USER_GROUPS } from "../../src/stats/evidence.ts";
import {
  ofShadowSums,
  SCORE_TOLERANCES,
  type ShadowCounts,
  type ShadowSum,
} from "../../src/stats/shadow-counts.ts";
import { alikeCounts, CountedExperiments } from "./experiment-counts.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { World } from "./world.ts";

/** What somebody makes of a release. */
type Mood = "Good" | "Bad" | "Torn" | "Silent";

/** The gate that some releases have. */
export const JUDGED_GATE = { name: "judge", type: "WebHook", webHook: { url: "http://judge" } } as const;

const LATER_THAN_ALL_SECONDS = 4e9;
const LONGEST_THOUGHT_MILLISECONDS = 4_000;

/** The judges of all releases. */
export class Judges {
  /** Who answers for experiments. */
  readonly counted: CountedExperiments;
  readonly #world: World;
  readonly #random: SeededRandom;
  /** By release. */
  readonly #moods = new Map<string, Mood>();
  /** By process and release: when it was last told `Pass`, in monotonic milliseconds, of which step. */
  readonly #passes = new Map<string, { readonly at: number; readonly step: unknown }>();
  #isCalm = false;

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
    this.counted = new CountedExperiments(world, random.fork("experiments"));
  }

  /** Whoever did not answer finds it good from now on. */
  calm(): void {
    this.#isCalm = true;
    this.counted.calm();
  }

  /** Answers one process. */
  askedBy(process: string): AskGate {
    return async (question) => {
      if (question.type === "Shadow") return this.#shadow(process, question);
      if (question.type === "Experiment") return await this.counted.tell(process, question);
      if (question.type === "Collector") return alikeCounts(question);
      const [release, step] = releaseOf(question);
      const mood = this.#moodOf(release);
      const { clock } = this.#world;
      const thought = this.#random.integer(20, LONGEST_THOUGHT_MILLISECONDS);
      await new Promise<void>((resolve) => clock.schedule(thought, resolve));
      if (mood === "Bad") return { outcome: "Fail", message: "it looks bad" };
      if (!this.#isCalm && mood === "Silent") throw new Error("no answer");
      if (!this.#isCalm && mood === "Torn" && this.#random.chance(0.5)) {
        return { outcome: "Wait", message: "not yet" };
      }
      this.#passes.set(`${process} ${release}`, { at: clock.monotonic(), step });
      return { outcome: "Pass", message: "" };
    };
  }

  /** For how long a process has known that a step may end, in milliseconds; undefined when it was never told. */
  sincePass(process: string, namespace: string, release: string, step: number): number | undefined {
    const pass = this.#passes.get(`${process} ${namespace}/${release}`);
    return pass?.step === step ? this.#world.clock.monotonic() - pass.at : undefined;
  }

  /** For how long a process has known that the answers to mirrored requests agree, in milliseconds; undefined when it never was. */
  sinceAgreement(process: string, namespace: string, deployment: string): number | undefined {
    return this.sincePass(process, namespace, `${deployment} mirrored`, 0);
  }

  /** What the collector tells of mirrored requests. */
  async #shadow(process: string, { namespace, deployment, epochs }: ShadowQuestion): Promise<ShadowCounts> {
    const { clock } = this.#world;
    const mood = this.#moodOf(`${namespace}/${deployment} from ${epochs.first}`);
    await new Promise<void>((resolve) => clock.schedule(this.#random.integer(20, 1_000), resolve));
    if (mood === "Bad") return toldOfPairs({ pairs: 20, sameBest: 5 });
    if (!this.#isCalm && mood === "Silent") throw new Error("no answer");
    if (!this.#isCalm && mood === "Torn" && this.#random.chance(0.5))
      return toldOfPairs({ pairs: 2, sameBest: 2 });
    this.#passes.set(`${process} ${namespace}/${deployment} mirrored`, { at: clock.monotonic(), step: 0 });
    return toldOfPairs({ pairs: 20, sameBest: 20 });
  }

  #moodOf(release: string): Mood {
    const known = this.#moods.get(release);
    if (known !== undefined) return known;
    const mood = this.#random.fork(release).weighted<Mood>([
      [4, "Good"],
      [2, "Bad"],
      [2, "Torn"],
      [1, "Silent"],
    ]);
    this.#moods.set(release, mood);
    return mood;
  }
}

/** Of so many pairs in each group of users. */
export function toldOfPairs({
  pairs,
  sameBest,
}: {
  readonly pairs: number;
  readonly sameBest: number;
}): ShadowCounts {
  const all = { originals: pairs, pairs, answered: pairs, lists: pairs, sameBest };
  const counts: Partial<Record<ShadowSum, number>> = all;
  const each = (count: number) => Array.from({ length: USER_GROUPS }, () => count);
  return {
    sums: ofShadowSums((name) => each(counts[name] ?? 0)),
    within: SCORE_TOLERANCES.map(() => each(0)),
    service: { edgesMilliseconds: [], windows: [] },
    // Clocks of processes jump: by all of them it was found lately.
    lastPairSeconds: LATER_THAN_ALL_SECONDS,
  };
}

function releaseOf(question: GateQuestion): readonly [release: string, step: unknown] {
  const text = parseJson("text" in question ? question.text : "");
  const name = `${asString(valueAt(text, "namespace"))}/${asString(valueAt(text, "modelRollout"))}`;
  return [name, valueAt(text, "step")];
}
