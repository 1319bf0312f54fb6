/**
 * The arms of a traffic plan: who may share the requests of a ModelDeployment, and by which number each is known.
 *
 * The names stand in headers, access logs and metrics, the numbers in tokens and in the evidence: both are for good. A release
 * has the arms `Stable` and `Candidate`; an experiment has `Stable` as its control, an arm for each of its models, and those
 * who are held out of it. No plan has both.
 */
import { stringEnum } from "./schema.ts";

/** Number of each arm. A token has four bits for it. */
export const ARM_NUMBER = {
  Stable: 0,
  Candidate: 1,
  ArmA: 2,
  ArmB: 3,
  ArmC: 4,
  ArmD: 5,
  ArmE: 6,
  ArmF: 7,
  Holdout: 15,
} as const;

/** Name of an arm. */
export type ArmName = keyof typeof ARM_NUMBER;

/** The arms of an experiment that have models of their own, in its order. */
export const EXPERIMENT_ARMS = ["ArmA", "ArmB", "ArmC", "ArmD", "ArmE", "ArmF"] as const;

/** All arms, of whichever plan. */
export const ARM_NAMES = ["Stable", "Candidate", ...EXPERIMENT_ARMS, "Holdout"] as const satisfies ArmName[];

/** JSON Schema of the name of an arm in a plan. */
export const armNameSchema = stringEnum(ARM_NAMES, {
  description: "Role of the arm.",
});

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(ARM_NUMBER));
const NAMES: ReadonlyMap<number, string> = new Map([...NUMBERS].map(([name, number]) => [number, name]));

/** Number of an arm by its name; undefined for a name of none. */
export function armNumber(name: string): number | undefined {
  return NUMBERS.get(name);
}

/** Name of an arm by its number, also of one that no plan has. */
export function armNameOf(number: number): string {
  return NAMES.get(number) ?? `Arm${number}`;
}
