/**
 * `kubectl petrel VERB`: the verbs for people, as a plugin of kubectl that is one file. `tools/build-cli.ts` makes it;
 * what only runs in a cluster is no part of it.
 */
import { Command } from "commander";
import { endProcess } from "./cli/verb.ts";
import { PEOPLE_VERBS } from "./cli/verbs.ts";
import { digestCommand } from "./fetch/digest-command.ts";

async function main(): Promise<void> {
  const program = new Command("kubectl petrel")
    .description("Model deployments: how they fare, what was served, and whether a manifest is right.")
    .exitOverride(endProcess)
    .showHelpAfterError();
  for (const load of Object.values(PEOPLE_VERBS)) program.addCommand(await load());
  program.addCommand(digestCommand());
  await program.parseAsync();
}

void main();
