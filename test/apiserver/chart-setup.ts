/**
 * What tests of the chart share: a control plane of their own, and helm bound to it with nothing of the machine's
 * own configuration.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTools, type CommandResult, type ControlPlane, run } from "../../e2e/cluster/index.ts";

/** The root of the repository. */
export const repository = join(import.meta.dirname, "../..");
/** The chart. */
export const chart = join(repository, "charts/petrel");

/** Runs helm and gives how it ended, whatever its exit code. */
export type Helm = (...args: string[]) => Promise<CommandResult>;

/** Helm for one control plane. */
export interface HelmHome {
  readonly helm: Helm;
  /** Removes its folder. */
  remove(): void;
}

/** Builds helm where needed and binds it to a control plane. */
export async function openHelm(controlPlane: ControlPlane): Promise<HelmHome> {
  const tools = await buildTools(["helm"], () => {});
  const folder = mkdtempSync(join(tmpdir(), "petrel-helm-"));
  const environment = {
    KUBECONFIG: controlPlane.kubeconfig,
    HELM_CACHE_HOME: folder,
    HELM_CONFIG_HOME: folder,
    HELM_DATA_HOME: folder,
  };
  return {
    helm: (...args) => run(tools.program("helm"), args, { environment }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Standard output of a command that must succeed; otherwise fails with what it said. */
export async function succeeding(result: Promise<CommandResult>): Promise<string> {
  const { exitCode, stdout, stderr } = await result;
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}
