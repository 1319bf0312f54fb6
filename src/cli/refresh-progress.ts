/**
 * How far a request to refresh has come, as the status tells it, and the wait for its end.
 *
 * A request raises no generation, so a condition alone may still speak of the time before it: only a status that
 * names the request does speak of it.
 */
import { asList, asString, type JsonRecord, valueAt } from "../api/json.ts";
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import { ANNOTATION } from "../api/names.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { KubeError, type KubePort } from "../kube/port.ts";
import { CommandError, EXIT } from "./exit-code.ts";

/** Between two looks. */
const LOOK_MILLISECONDS = 1_000;

/** How far a request has come. */
export interface RefreshProgress {
  readonly state: "Replaced" | "Waiting" | "Superseded";
  /** What the status says of it, for people. */
  readonly said: string;
}

function spoken(condition: unknown): string {
  const word = (field: string) => asString(valueAt(condition, field)) ?? "";
  return `${word("type")} is ${word("status")} (${word("reason")}): ${word("message")}`;
}

/** How far the request `token` has come. Pure. */
export function refreshProgress(object: KubeObject, token: string): RefreshProgress {
  const annotations: JsonRecord = object.metadata.annotations ?? {};
  if (annotations[ANNOTATION.refresh] !== token) {
    return { state: "Superseded", said: "somebody has asked for another refresh meanwhile" };
  }
  const conditions = asList(valueAt(object, "status", "conditions"));
  const find = (type: string) => conditions.find((condition) => valueAt(condition, "type") === type);
  if (valueAt(object, "status", "observedRefresh") !== token) {
    const suspended = find("Suspended");
    const said = suspended === undefined ? "the operator has not taken it up yet" : spoken(suspended);
    return { state: "Waiting", said };
  }
  const ready = find("Ready");
  return { state: valueAt(ready, "status") === "True" ? "Replaced" : "Waiting", said: spoken(ready) };
}

/** The API server may be away for a moment; what it refuses, it refuses again. */
function passes(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 0 || error.status === 429 || error.status >= 500);
}

/**
 * Resolves once the operator has obeyed the request `token` and every replica that serves is as it would make it
 * today. Rejects when it has not come to that in `timeoutMilliseconds`, when somebody asks for another refresh, and
 * when the ModelDeployment is gone; the message says what the status said last.
 */
export async function refreshed(
  { port, clock }: { readonly port: KubePort; readonly clock: Clock },
  target: ObjectReference,
  token: string,
  timeoutMilliseconds: number,
): Promise<void> {
  const until = clock.monotonic() + timeoutMilliseconds;
  let said = "no answer came";
  for (;;) {
    try {
      const progress = refreshProgress(await port.get(target), token);
      if (progress.state === "Replaced") return;
      if (progress.state === "Superseded") throw new Error(progress.said);
      said = progress.said;
    } catch (error) {
      if (!passes(error)) throw error;
    }
    if (clock.monotonic() >= until) {
      throw new CommandError(
        EXIT.timeout,
        `the pods are not replaced within ${timeoutMilliseconds / 1000} s: ${said}`,
      );
    }
    await sleep(clock, LOOK_MILLISECONDS);
  }
}
