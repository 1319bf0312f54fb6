/**
 * The verbs for people, each in a file of its own that is loaded only when it is asked for.
 */
import type { Command } from "commander";

/** Loads a verb by its name. */
export const PEOPLE_VERBS: Readonly<Record<string, () => Promise<Command>>> = {
  status: async () => (await import("./status.ts")).statusCommand(),
  history: async () => (await import("./history.ts")).historyCommand(),
  compare: async () => (await import("./compare.ts")).compareCommand(),
  validate: async () => (await import("./validate.ts")).validateCommand(),
  wait: async () => (await import("./wait.ts")).waitCommand(),
  pause: async () => (await import("./guide-rollout.ts")).guideCommand("pause"),
  resume: async () => (await import("./guide-rollout.ts")).guideCommand("resume"),
  approve: async () => (await import("./guide-rollout.ts")).guideCommand("approve"),
  promote: async () => (await import("./guide-rollout.ts")).guideCommand("promote"),
  abort: async () => (await import("./guide-rollout.ts")).guideCommand("abort"),
  retry: async () => (await import("./retry.ts")).retryCommand(),
  undo: async () => (await import("./undo.ts")).undoCommand(),
  experiment: async () => (await import("./experiment.ts")).experimentCommand(),
  drill: async () => (await import("./drill.ts")).drillCommand(),
  anomalies: async () => (await import("./anomalies.ts")).anomaliesCommand(),
  simulate: async () => (await import("./simulate.ts")).simulateCommand(),
  feedback: async () => (await import("./feedback.ts")).feedbackCommand(),
  refresh: async () => (await import("./refresh.ts")).refreshCommand(),
};
