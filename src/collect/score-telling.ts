/**
 * Tells of the metrics of scores what monitoring shows: of each half hour, once its labels have matured, what it adds to
 * the sums; and the value over the last six hours that have matured. Of an arm the revision counts that makes its scores
 * now: what it fell back to, and what it was before, would be another model's.
 *
 * How far it has come stands in the file, so that a restart tells nothing twice. {@link ScoreTelling.step} runs inside a
 * transaction of the caller.
 */
import type { Collected, CollectedDeployment, CollectedScores } from "./collected-metrics.ts";
import { BLOCK_SLOTS, blockOf } from "./evidence-blocks.ts";
import type { SlotRange } from "./router-log.ts";
import { lastMatured, type ScoreEdges } from "./score-reader.ts";
import { type ScoreSource, ScoreSums } from "./score-sums.ts";

/** Half hours of which the value is. */
const WINDOW_BLOCKS = 12;
const WINDOW_SLOTS = WINDOW_BLOCKS * BLOCK_SLOTS;

/** Which metric of which arm. */
export interface ScoreSeries {
  /** Name of the deployment. */
  readonly deployment: string;
  readonly scores: CollectedScores;
  readonly arm: number;
}

/** What a half hour adds to the sums of one arm. */
export interface ToldSums extends ScoreSeries {
  readonly vector: Float64Array;
}

/** The value of one arm. */
export interface ToldValue extends ScoreSeries {
  readonly value: number;
}

/** What a step did. */
export interface ScoreStep {
  readonly sums: readonly ToldSums[];
  readonly more: boolean;
}

const NOTHING: ScoreStep = { sums: [], more: false };

/** The telling of one file. */
export class ScoreTelling {
  readonly #edges: ScoreEdges;
  #deployments: readonly CollectedDeployment[] = [];
  /** By number of the sums: through which slot the values are, and what they are. */
  readonly #values = new Map<string, { readonly through: number; readonly values: readonly ToldValue[] }>();

  constructor(edges: ScoreEdges) {
    this.#edges = edges;
  }

  /** Takes what is collected from now on. */
  configure(collected: Collected): void {
    this.#deployments = [...collected.values()].filter(({ scores }) => scores.length > 0);
    const names = new Set(
      this.#deployments.flatMap((deployment) => deployment.scores.map((one) => nameOf(deployment, one))),
    );
    for (const name of this.#values.keys()) if (!names.has(name)) this.#values.delete(name);
  }

  /** Tells of one half hour, or works out the values of one metric. */
  step(): ScoreStep {
    const counted = this.#edges.counted();
    if (counted === undefined) return NOTHING;
    for (const deployment of this.#deployments) {
      for (const one of deployment.scores) {
        const matured = lastMatured(one, counted, this.#edges.nowSeconds());
        // Values come after all that was to be told: nothing has to be read for what has both.
        if ((this.#values.get(nameOf(deployment, one))?.through ?? -1) >= matured.last) continue;
        const sums = this.#tellOf(deployment, one, matured, counted);
        if (sums !== undefined) return { sums, more: true };
        this.#workOut(deployment, one, matured, counted);
        return { sums: [], more: true };
      }
    }
    return NOTHING;
  }

  /** The transaction was rolled back: what was worked out in it is worked out again. */
  abandon(collected: Collected): void {
    this.#values.clear();
    this.configure(collected);
  }

  /** The values. */
  *values(): Generator<ToldValue> {
    for (const { values } of this.#values.values()) yield* values;
  }

  /** What the next half hour adds, of those that nobody was told of. Of long ones ago nobody is. */
  #tellOf(
    deployment: CollectedDeployment,
    one: CollectedScores,
    matured: SlotRange,
    counted: number,
  ): readonly ToldSums[] | undefined {
    const { store } = this.#edges;
    const { id, firstSlot } = one.stored;
    const told = store.scores.toldThrough(id);
    const first = Math.max(told + 1, matured.last + 1 - WINDOW_SLOTS, firstSlot, 0);
    if (first > matured.first) return undefined;
    const block = blockOf(first);
    const sums = new ScoreSums(one);
    sums.add(this.#sourceOf(deployment, counted), block);
    store.scores.setToldThrough(id, block.last);
    return sums
      .current()
      .map(({ arm, vector }) => ({ deployment: deployment.name, scores: one, arm, vector }));
  }

  #workOut(deployment: CollectedDeployment, one: CollectedScores, matured: SlotRange, counted: number): void {
    const source = this.#sourceOf(deployment, counted);
    const sums = new ScoreSums(one);
    const first = Math.max(matured.last + 1 - WINDOW_SLOTS, one.stored.firstSlot, 0);
    for (let slot = first; slot <= matured.first; slot += BLOCK_SLOTS) {
      sums.add(source, blockOf(slot));
    }
    const values = sums.current().flatMap(({ arm, vector }): ToldValue[] => {
      const value = one.scores.metric.value(vector);
      return value === undefined ? [] : [{ deployment: deployment.name, scores: one, arm, value }];
    });
    this.#values.set(nameOf(deployment, one), { through: matured.last, values });
  }

  #sourceOf({ tag }: CollectedDeployment, counted: number): ScoreSource {
    const { store, doubtful } = this.#edges;
    return { store, deployment: tag, doubtful: doubtful(), counted };
  }
}

function nameOf({ name }: CollectedDeployment, { stored, scores }: CollectedScores): string {
  return `${name}/${stored.id}/${scores.definition.name}`;
}
