/**
 * What a fault of a drill is to the rest of Petrel: what routers are asked for, and how a witness knows that it was there.
 *
 * A fault acts on tries of the target alone, inside the routers: it must never touch a server, a pod or anybody's request but
 * those of the drill. Each is a file of its own, with a line in the register and a row in its conformance table.
 */
import type { PlannedFault } from "../api/planned-drill.ts";

/** Settings of all faults; each reads its own. */
export interface FaultSettings {
  /** Status of every answer, from 400 to 599. */
  readonly status?: number;
  /** Time that every try waits, such as `300ms`. */
  readonly delay?: string;
}

/** What a witness got. */
export interface WitnessAnswer {
  /** HTTP status; absent when nothing came in time. */
  readonly status?: number;
  /** What the stand-in said of a fault, in Envoy's words; absent when nothing. */
  readonly faultFlag?: string;
}

/** The settings of a fault are not usable. The message says what was expected and what came. */
export class FaultSettingsError extends Error {
  override readonly name = "FaultSettingsError";
}

/** One fault. */
export interface Fault {
  /** For people, after "every try". */
  readonly description: string;
  /**
   * What becomes of the tries of the target.
   *
   * @throws {FaultSettingsError} when a setting is missing, or is not of this fault.
   */
  plan(settings: FaultSettings): Pick<PlannedFault, "status" | "delay">;
  /** Whether a witness met this very fault. An answer that tells of nothing is no proof. */
  isMet(answer: WitnessAnswer): boolean;
}

/** What a stand-in says of a fault, by its header; Envoy writes `-` where there is nothing to say. */
export function faultFlagOf(header: unknown): Pick<WitnessAnswer, "faultFlag"> {
  return typeof header === "string" && header !== "-" ? { faultFlag: header } : {};
}

/** Whether the target answered a witness as if there were no fault. */
export function isClear({ status, faultFlag }: WitnessAnswer): boolean {
  return status === 200 && faultFlag === undefined;
}

/** @throws {FaultSettingsError} when there is another setting than those named. */
export function expectOnly(settings: FaultSettings, ...names: readonly (keyof FaultSettings)[]): void {
  const other = Object.keys(settings).find((name) => !names.some((expected) => expected === name));
  if (other !== undefined) throw new FaultSettingsError(`expected no setting ${other} of this fault`);
}
