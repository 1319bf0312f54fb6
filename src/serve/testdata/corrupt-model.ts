/**
 * A file that is no model, and what is said of it: for tests of all tiers, so that what one of them has seen the others
 * expect. Never part of a program.
 */

/** Its bytes. */
export const CORRUPT_MODEL = Buffer.from("this is no model");

/** ONNX Runtime's own words about it, behind the path of the folder that it lies in. */
export const CORRUPT_MODEL_WORDS = "/model.onnx failed:Protobuf parsing failed.";
