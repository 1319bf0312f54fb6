/**
 * What the collector counted. Of a release it tells that both revisions are liked alike. Of the arms of experiments: of each experiment somebody whose users like the arms as they like
 * stable, or better, or worse, or who come to other arms than was planned. What was told to whom is remembered, as the truth.
 */
import { ARM_NUMBER } from "../../src/api/arm.ts";
import type {
  ExperimentCounts,
  ExperimentQuestion,
  NumberedCell,
} from "../../src/core/experiment/experiment-question.ts";
import type { CollectorCounts, CollectorQuestion } from "../../src/core/rollout/gates/collector-counts.ts";
import { USER_GROUPS } from "../../src/stats/evidence.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { World } from "./world.ts";

/** What users make of the arms. */
type Taste = "Alike" | "Better" | "Harmful" | "Astray" | "Silent";

/** What a process was told of an experiment; it may say no more. */
export interface ToldOfExperiment {
  /** When it was told last, in monotonic milliseconds. */
  readonly at: number;
  readonly isBetter: boolean;
  readonly isHarmful: boolean;
  readonly isAstray: boolean;
}

/** The metric that every experiment is decided by. */
export const COUNTED_METRIC = "clicks";

const LONGEST_ANSWER_MILLISECONDS = 1_000;
/** In each group of users. */
const ANSWERS = 400;
const CLICKS = { Usual: 20, More: 30, Fewer: 8 } as const;

/** The collectors of all namespaces. */
export class CountedExperiments {
  readonly #world: World;
  readonly #random: SeededRandom;
  /** By uid of the experiment. */
  readonly #tastes = new Map<string, Taste>();
  /** By process and uid of the experiment. */
  readonly #told = new Map<string, ToldOfExperiment>();
  #isCalm = false;

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  /** Whoever did not answer does so from now on. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Answers one process. Rejects where nobody answers. */
  async tell(process: string, question: ExperimentQuestion): Promise<ExperimentCounts> {
    const { clock } = this.#world;
    const { experiment: uid } = question;
    const taste = this.#tasteOf(uid);
    const thought = this.#random.integer(20, LONGEST_ANSWER_MILLISECONDS);
    await new Promise<void>((resolve) => clock.schedule(thought, resolve));
    if (taste === "Silent" && !this.#isCalm) throw new Error("no answer");
    this.#told.set(`${process} ${uid}`, {
      at: clock.monotonic(),
      isBetter: taste === "Better",
      isHarmful: taste === "Harmful",
      isAstray: taste === "Astray",
    });
    return countsOf(question, taste);
  }

  #tasteOf(uid: string): Taste {
    const known = this.#tastes.get(uid);
    if (known !== undefined) return known;
    const taste = this.#random.fork(uid).weighted<Taste>([
      [4, "Alike"],
      [3, "Better"],
      [2, "Harmful"],
      [1, "Astray"],
      [2, "Silent"],
    ]);
    this.#tastes.set(uid, taste);
    return taste;
  }

  /** What a process was told of an experiment last; undefined when it was told nothing. */
  toldTo(process: string, uid: string): ToldOfExperiment | undefined {
    return this.#told.get(`${process} ${uid}`);
  }
}

/** Of a release: users like the candidate as they like stable. */
export function alikeCounts({ shares, metrics }: CollectorQuestion): CollectorCounts {
  const share = shares.at(-1);
  const cells = (["Candidate", "Stable"] as const).flatMap((arm) =>
    share === undefined ? [] : [{ ...cellOf(0, share.firstEpoch, share.lastEpoch, CLICKS.Usual), arm }],
  );
  const metric = { values: "ZeroOne", better: "Higher" } as const;
  return {
    metrics: new Map(
      metrics.map(({ name, maturesSeconds }) => [
        name,
        { metric, maturesMilliseconds: maturesSeconds * 1_000, arrived: cells, matured: cells },
      ]),
    ),
    unusable: new Map(),
    requests: [],
    recentRequests: [],
    armChecks: [],
    newUsers: [],
    requestsPerSecond: 0,
  };
}

function countsOf({ arms, shares }: ExperimentQuestion, taste: Taste): ExperimentCounts {
  const share = shares.at(-1);
  if (share === undefined) throw new Error("expected the plans that gave the arms their shares, got none");
  const { firstEpoch: epoch, lastEpoch } = share;
  const own = arms.filter((arm) => arm !== ARM_NUMBER.Stable && arm !== ARM_NUMBER.Holdout);
  const clicksOf = (arm: number) => {
    if (taste === "Better" && arm === own[0]) return CLICKS.More;
    return taste === "Harmful" && arm === own.at(-1) ? CLICKS.Fewer : CLICKS.Usual;
  };
  const metric = { values: "ZeroOne", better: "Higher" } as const;
  const isAstray = taste === "Astray";
  // As many to each arm, whatever it was to have.
  const counts = isAstray ? arms.map((arm) => ({ epoch, lastEpoch, arm, count: 5_000 })) : [];
  return {
    cells: new Map([
      [COUNTED_METRIC, { metric, ofArms: arms.map((arm) => cellOf(arm, epoch, lastEpoch, clicksOf(arm))) }],
    ]),
    unusable: new Map(),
    requests: counts,
    newUsers: counts,
    armChecks: [{ epoch, lastEpoch, told: 100, checked: 90, wrong: isAstray ? 9 : 0 }],
  };
}

function cellOf(arm: number, epoch: number, lastEpoch: number, clicks: number): NumberedCell {
  const groups = Array.from({ length: USER_GROUPS }, (_, group) => group);
  return {
    epoch,
    lastEpoch,
    arm,
    answers: groups.map(() => ANSWERS),
    // Not the same in all of them.
    sums: groups.map((group) => clicks + (group % 2)),
  };
}
