/**
 * The contract of the Kubernetes port: everything that Petrel relies on, in one table. Run on the in-memory
 * API server in the unit tier and on the real one in the apiserver tier.
 */
import { applyingCases } from "./applying-cases.ts";
import type { ContractCase } from "./contract-case.ts";
import { deletingCases } from "./deleting-cases.ts";
import { readingCases } from "./reading-cases.ts";
import { recordingCases } from "./recording-cases.ts";
import { scalingCases } from "./scaling-cases.ts";
import { watchingCases } from "./watching-cases.ts";

/** All cases, by what they are about. */
export const CONTRACT: Readonly<Record<string, readonly ContractCase[]>> = {
  reading: readingCases,
  watching: watchingCases,
  applying: applyingCases,
  scaling: scalingCases,
  deleting: deletingCases,
  recording: recordingCases,
};
