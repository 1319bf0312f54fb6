/**
 * Asks models for the scores of a labelled set, some requests at a time, in the order of the set. Both models get each
 * request, so that they are compared on the same rows.
 */
import type { LabelledRequest } from "./labelled-requests.ts";
import { MAXIMUM_CONCURRENT_REQUESTS, type ModelUnderTest } from "./model-under-test.ts";
import { ScoredSet } from "./scored-set.ts";

/**
 * Scores all requests.
 *
 * @throws whatever reading a request, or a model, throws; the signal's reason when it is aborted.
 */
export async function scoreSet(
  requests: AsyncIterable<LabelledRequest>,
  models: readonly ModelUnderTest[],
  labels: number,
  signal: AbortSignal,
): Promise<ScoredSet> {
  const set = new ScoredSet(labels, models.length);
  let waiting: LabelledRequest[] = [];
  const take = async () => {
    const scored = await Promise.all(
      waiting.map((request) => Promise.all(models.map((model) => model.score(request, signal)))),
    );
    for (const [at, { user, labels: values }] of waiting.entries()) {
      set.add({ user, labels: values, scores: scored[at] ?? [] });
    }
    waiting = [];
  };
  for await (const request of requests) {
    signal.throwIfAborted();
    waiting.push(request);
    if (waiting.length === MAXIMUM_CONCURRENT_REQUESTS) await take();
  }
  await take();
  return set;
}
