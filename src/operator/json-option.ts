/** JSON on the command line, checked against a schema. */
import { InvalidArgumentError } from "commander";
import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { firstError } from "../api/first-error.ts";
import { parseJson } from "../api/json.ts";

/**
 * A parser for an option of commander: JSON that fits the schema. `expected` says what that is, for people.
 *
 * The parser throws an InvalidArgumentError that says where the text does not fit, and why.
 */
export function jsonOption<Schema extends TSchema>(
  schema: Schema,
  expected: string,
): (text: string) => Static<Schema> {
  const check = Compile(schema);
  return (text) => {
    const value = parseJson(text);
    if (check.Check(value)) return value;
    const error = firstError("value", check.Errors(value));
    throw new InvalidArgumentError(`expected ${expected}, got ${text} (${error})`);
  };
}
