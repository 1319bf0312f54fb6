#!/usr/bin/env node
/**
 * `petrel VERB`: one entry for all programs. Only the module of the asked verb is loaded, so that an init
 * container starts as fast as it can and holds no code that it does not need.
 */
import { Command } from "commander";
import { endProcess } from "./cli/verb.ts";
import { PEOPLE_VERBS } from "./cli/verbs.ts";

const VERBS: Readonly<Record<string, () => Promise<Command>>> = {
  operator: async () => (await import("./operator/command.ts")).operatorCommand(),
  fetch: async () => (await import("./fetch/command.ts")).fetchCommand(),
  digest: async () => (await import("./fetch/digest-command.ts")).digestCommand(),
  serve: async () => (await import("./serve/command.ts")).serveCommand(),
  evaluate: async () => (await import("./evaluate/command.ts")).evaluateCommand(),
  collect: async () => (await import("./collect/command.ts")).collectCommand(),
  sidecar: async () => (await import("./sidecar/command.ts")).sidecarCommand(),
  ...PEOPLE_VERBS,
  router: async () => (await import("./router/command.ts")).routerCommand(),
  probe: async () => (await import("./probe/command.ts")).probeCommand(),
};

const program = new Command("petrel")
  .description("A Kubernetes operator for model deployments.")
  .exitOverride(endProcess)
  .showHelpAfterError();

const asked = VERBS[process.argv[2] ?? ""];
for (const load of asked === undefined ? Object.values(VERBS) : [asked]) program.addCommand(await load());
await program.parseAsync();
