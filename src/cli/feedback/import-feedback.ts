/**
 * Sends the objects of a file to a collector in batches and counts the answers.
 */
import { RecordError } from "../../records/record-error.ts";
import type { FeedbackClient, ObjectAnswer } from "./feedback-client.ts";
import type { FeedbackItem } from "./feedback-items.ts";
import type { ImportProgress } from "./import-progress.ts";

/** What one post holds: below what a collector takes unless it is told otherwise. */
export interface BatchBounds {
  readonly maximumObjects: number;
  readonly maximumBytes: number;
}

/** Something about one line. */
export interface LineTrouble {
  readonly line: number;
  readonly message: string;
}

/**
 * Sends all objects that were not answered before.
 *
 * @throws {CommandError} when the collector does not answer or refuses; {RecordError} when the file cannot be read on.
 *   What was answered until then is noted.
 */
export async function importFeedback(
  items: AsyncIterable<FeedbackItem>,
  client: Pick<FeedbackClient, "post">,
  progress: ImportProgress,
  { maximumObjects, maximumBytes }: BatchBounds,
  onTrouble: (trouble: LineTrouble) => void,
): Promise<void> {
  let batch: FeedbackItem[] = [];
  let bytes = 0;
  const send = async () => {
    // An empty batch would note less than was done before, where the file breaks off ahead of that.
    if (batch.length === 0) return;
    const objects = batch.filter(({ isObject }) => isObject);
    const answers = objects.length === 0 ? [] : await client.post(objects.map(({ text }) => text));
    let next = 0;
    for (const { isObject, line } of batch) {
      const answer: ObjectAnswer | undefined = isObject
        ? answers[next++]
        : { events: ["malformed"], error: "expected a JSON object" };
      for (const event of answer?.events ?? []) progress.counts[event]++;
      if (answer?.error !== undefined) onTrouble({ line, message: answer.error });
    }
    await progress.answered(batch.map(({ text }) => text));
    batch = [];
    bytes = 0;
  };
  try {
    for await (const item of items) {
      if (progress.objects < progress.resumedFrom) {
        progress.pass(item.text);
        continue;
      }
      const size = Buffer.byteLength(item.text) + 1;
      if (batch.length === maximumObjects || bytes + size > maximumBytes) await send();
      batch.push(item);
      bytes += size;
    }
  } catch (error) {
    // What was read before the file broke off is as good as ever.
    if (error instanceof RecordError) await send();
    throw error;
  }
  progress.requirePassed();
  await send();
}
