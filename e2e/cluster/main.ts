/**
 * The command line over test clusters, for people and for the clean-up guard: `up`, `down`, `status`, `build`.
 *
 * `up` leaves the cluster up; everything else here only reads or removes what `up` or a test made.
 */

import { tmpdir } from "node:os";
import { basename, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { prepare, startCluster } from "./cluster.ts";
import { controlPlaneFolderPrefix, removeControlPlane } from "./control-plane.ts";
import { enforceNetworkPolicies } from "./network-policy.ts";
import { clusterNames, readCluster } from "./state.ts";
import { countTraces, removeCluster, tracesOf } from "./teardown.ts";

const defaultName = "petrel";
const progress = (line: string) => console.error(line);

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a number");
  return Number(text);
}

async function up(options: { name: string; nodes: number; gpus: number }): Promise<void> {
  const { name, nodes } = options;
  const making = startCluster({ name, nodes, gpusPerNode: options.gpus, outlives: true, progress });
  // The clean-up guard does the removing, as it would after a SIGKILL.
  const interrupt = () => {
    progress(`${name}: interrupted, it is removed in the background`);
    process.exit(130);
  };
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const cluster = await making;
  console.log(`export KUBECONFIG=${cluster.kubeconfig}`);
}

function status(): void {
  const names = clusterNames();
  if (names.length === 0) console.log("no clusters");
  for (const name of names) {
    const layout = readCluster(name);
    if (layout === undefined) continue;
    const traces = tracesOf(layout.id, layout.folder);
    console.log(
      `${name}: id ${layout.id}, ${layout.nodes.length} nodes, ${layout.range}, ${traces.processes.length} processes`,
    );
    console.log(`  kubeconfig ${layout.kubeconfig}`);
    console.log(`  logs ${layout.logs}`);
  }
}

async function down(options: { name: string; id?: string }): Promise<void> {
  const { name, id } = options;
  const layout = readCluster(name);
  if (layout === undefined || (id !== undefined && id !== layout.id)) {
    console.log(`${name}: there is no such cluster`);
    return;
  }
  await removeCluster(name, layout.id);
  console.log(`${name}: removed, ${countTraces(tracesOf(layout.id, layout.folder))} traces left`);
}

async function enforce(options: { name: string }): Promise<void> {
  const layout = readCluster(options.name);
  if (layout === undefined) throw new Error(`there is no cluster ${options.name}`);
  await enforceNetworkPolicies(layout);
}

async function downControlPlane(id: string, folder: string): Promise<void> {
  const isOne = /^[0-9a-f]{8}$/.test(id) && basename(folder).startsWith(controlPlaneFolderPrefix);
  if (!isOne || resolve(folder, "..") !== resolve(tmpdir()))
    throw new Error(`${folder} is not a control plane's folder`);
  await removeControlPlane(id, folder);
}

const program = new Command("cluster").description(
  "A real Kubernetes on this machine, for tests and the demo.",
);
const name = ["--name <name>", "name of the cluster", defaultName] as const;
program
  .command("up")
  .description("make a cluster and leave it up")
  .option(...name)
  .option("--nodes <count>", "number of nodes, 1 to 9", count, 3)
  .option("--gpus <count>", "devices nvidia.com/gpu of each node", count, 2)
  .action(up);
program
  .command("down")
  .description("remove a cluster with all that belongs to it")
  .option(...name)
  .option("--id <id>", "only when the cluster of that name has this id")
  .action(down);
program.command("status").description("list the clusters of this machine").action(status);
program
  .command("build")
  .description("build and install all that a cluster needs")
  .action(async () => void (await prepare(progress)));
program
  .command("enforce-network-policies", { hidden: true })
  .description("keep the nodes' rules in step with the cluster's NetworkPolicies")
  .requiredOption(...name)
  .action(enforce);
program
  .command("down-control-plane <id> <folder>", { hidden: true })
  .description("remove what is left of a control plane without nodes")
  .action(downControlPlane);

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
