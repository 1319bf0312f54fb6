/**
 * One seed for all properties, so that a run says of a change what the change did. New examples are looked for where a
 * finding holds nobody up: a full run has a random seed, which fast-check prints with what it finds.
 */
import fc from "fast-check";
import { isFullRun } from "../full-run.ts";

const SEED = 20_260_101;

if (!isFullRun()) fc.configureGlobal({ seed: SEED });
