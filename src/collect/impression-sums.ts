/**
 * What one answer of the access log adds to the evidence.
 */
import { ARM_CHECK, type ArmCheck } from "../token/prediction-token.ts";
import { type CellChanges, type Place, SUM } from "./cell-changes.ts";

/** Adds an answer, with what its token says of its arm, and whether its user is new. */
export function addImpression(
  changes: CellChanges,
  place: Place,
  armCheck: ArmCheck,
  isNewUser: boolean,
): void {
  changes.add(place, SUM.impressions, 1);
  if (isNewUser) changes.addTotal(place, SUM.newUsers, 1);
  if (armCheck === ARM_CHECK.untold) return;
  changes.addTotal(place, SUM.toldArms, 1);
  if (armCheck === ARM_CHECK.unchecked) return;
  changes.addTotal(place, SUM.checkedArms, 1);
  if (armCheck === ARM_CHECK.wrong) changes.addTotal(place, SUM.wrongArms, 1);
}
