/**
 * The option `--reason`: why somebody did what they did, for others to read. It goes into an object of the API, which bounds it.
 */
import { InvalidArgumentError, Option } from "commander";
import { MAXIMUM_REASON_LENGTH } from "../api/reason.ts";

/** The option. A text that the API would refuse is refused before. */
export function reasonOption(): Option {
  return new Option("--reason <text>", "why, for others to read").argParser((text: string) => {
    if (text.length <= MAXIMUM_REASON_LENGTH) return text;
    throw new InvalidArgumentError(
      `expected at most ${MAXIMUM_REASON_LENGTH} characters, got ${text.length}`,
    );
  });
}
