/**
 * The prediction tokens of a model server's answers, whichever protocol they go by: what is told of the rows is looked at
 * before the answer is written, and the token is minted once it was.
 */

import type { ScorePlace } from "../api/observe.ts";
import type { TapEvent } from "../tap/tap-event.ts";
import type { DescribedRows } from "../token/described-rows.ts";
import type { RequestAssignment, TokenMint } from "../token/token-mint.ts";
import { answerScores } from "./answer-scores.ts";
import type { Tensor } from "./tensor.ts";

/** What a token is to say of the rows of an answer. */
export interface Answered {
  readonly rows: number;
  readonly described: DescribedRows | undefined;
}

/** Gives answers their tokens. */
export class AnswerTokens {
  readonly #mint: TokenMint;
  readonly #scores: ScorePlace | undefined;

  /** `scores` says where the scores are that tokens tell; without it they tell none. */
  constructor(mint: TokenMint, scores: ScorePlace | undefined) {
    this.#mint = mint;
    this.#scores = scores;
  }

  /** Looks at an answer of so many rows. Before it is written: a worker that does that takes the memory of the outputs. */
  look(outputs: readonly Tensor[], rows: number): Answered {
    return {
      rows,
      described: this.#scores === undefined ? undefined : answerScores(outputs, this.#scores, rows),
    };
  }

  /** The token of an answer, or undefined for one without. What is told of the request gets the token's id. */
  mint(
    assignment: RequestAssignment,
    { rows, described }: Answered,
    told: Pick<TapEvent, "requestId" | "hasToken"> | undefined,
  ): string | undefined {
    return this.#mint.mint(assignment, rows, told, described);
  }
}
