/**
 * One evaluation from beginning to end: fetch the set, load the models, score, measure, judge. Options in, result out.
 */
import { stat } from "node:fs/promises";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { directoryDigest } from "../fetch/digest-command.ts";
import type { SourceOptions } from "../fetch/source-options.ts";
import { formatOfName, type RecordFormat } from "../records/data-records.ts";
import { copyData, uriOf } from "./data-file.ts";
import type { EvaluateSettings } from "./evaluate-settings.ts";
import type { EvaluatedModel, EvaluationResult } from "./evaluation-result.ts";
import { judge } from "./judge.ts";
import { labelledRequests } from "./labelled-requests.ts";
import { measure } from "./measure.ts";
import { ModelError, type ModelOptions, ModelUnderTest } from "./model-under-test.ts";
import { scoreSet } from "./score-set.ts";
import type { ScoredSet } from "./scored-set.ts";

/** What is asked for. */
export interface Evaluation {
  readonly settings: EvaluateSettings;
  /** Directory of the model that is judged. */
  readonly model: string;
  /** Directory of the model that it is compared with. */
  readonly baseline: string | undefined;
  /** Path or URI of the labelled set. */
  readonly data: string;
  /** Undefined for the one that the name tells. */
  readonly format: RecordFormat | undefined;
  readonly maximumBytes: number;
  readonly maximumRows: number;
  readonly serving: Omit<ModelOptions, "directory">;
  readonly sources: SourceOptions;
}

/** What an evaluation needs of the world. */
export interface EvaluationEdges {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Called when a model hangs and cannot be freed: the process must be killed, for it cannot end by itself. */
  readonly onModelStuck: () => Promise<void>;
}

/** The set cannot be used. */
export class DataError extends Error {
  override readonly name = "DataError";
}

/**
 * Evaluates.
 *
 * @throws {ModelError} when a model does not load or answer; {DataError}, {RecordError}, {SourceError} or {FetchFailure}
 *   when the set cannot be used; the signal's reason when it is aborted.
 */
export async function evaluate(evaluation: Evaluation, edges: EvaluationEdges): Promise<EvaluationResult> {
  const { settings, baseline, data: location, maximumBytes, maximumRows } = evaluation;
  const format = evaluation.format ?? formatOfName(new URL(uriOf(location)).pathname);
  if (format === undefined)
    throw new DataError(`expected --format, for the name ${location} does not tell it`);
  const directories = [evaluation.model, ...(baseline === undefined ? [] : [baseline])];
  const identities: EvaluatedModel[] = [];
  for (const directory of directories) identities.push(await identityOf(directory));
  const data = await copyData(location, { ...evaluation.sources, maximumBytes }, edges);
  try {
    const requests = labelledRequests(data.records(format), settings, maximumRows);
    const set = await scored(requests, directories, evaluation, edges);
    if (set.requests === 0) throw new DataError("expected rows, got none");
    const { metrics, answersAlike } = measure(set, settings, baseline !== undefined);
    const checks = settings.checks.map((check) => {
      const measured = metrics.find(({ name }) => name === check.metric);
      if (measured === undefined) throw new Error(`expected a metric ${check.metric}`);
      return judge(check, measured);
    });
    const [candidate, compared] = identities;
    if (candidate === undefined) throw new Error("expected a model");
    return {
      passed: checks.every(({ verdict }) => verdict === "Passed"),
      data: {
        digest: data.digest,
        sizeBytes: data.sizeBytes,
        rows: set.rows,
        requests: set.requests,
        units: set.units,
        unit: settings.user === undefined ? "Request" : "User",
      },
      candidate,
      ...(compared === undefined ? {} : { baseline: compared, answersAlike }),
      alpha: settings.alpha,
      metrics,
      checks,
    };
  } finally {
    await data.close();
  }
}

async function scored(
  requests: ReturnType<typeof labelledRequests>,
  directories: readonly string[],
  { settings, serving }: Evaluation,
  edges: EvaluationEdges,
): Promise<ScoredSet> {
  const { output, index } = settings.score;
  const expected = { inputs: settings.inputs.map(({ name }) => name), output, index };
  const models: ModelUnderTest[] = [];
  try {
    for (const directory of directories) {
      edges.signal.throwIfAborted();
      models.push(await ModelUnderTest.start({ ...serving, directory }, expected, edges));
    }
    return await scoreSet(requests, models, settings.labels.length, edges.signal);
  } finally {
    await requests.return(undefined);
    const stopped = await Promise.all(models.map((model) => model.close()));
    if (stopped.includes(false)) await edges.onModelStuck();
  }
}

async function identityOf(directory: string): Promise<EvaluatedModel> {
  const isDirectory = await stat(directory).then(
    (status) => status.isDirectory(),
    () => false,
  );
  if (!isDirectory) throw new ModelError(`expected a directory with a model, got ${directory}`);
  return { directory, digest: await directoryDigest(directory) };
}
