/**
 * The command line as a process beside a real kube-apiserver and the real operator: what it reads, with which rights,
 * and how it ends.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { type ControlPlane, startControlPlane } from "../../e2e/cluster/index.ts";
import { EXIT } from "../../src/cli/exit-code.ts";
import { chart, openHelm, succeeding } from "./chart-setup.ts";
import { until } from "./router-envoy/until.ts";
import { OPERATOR_NAMESPACE, OperatorProcess } from "./running-operator.ts";

const root = join(import.meta.dirname, "../..");
const PATIENCE_MILLISECONDS = 120_000;

let controlPlane: ControlPlane;
let operator: OperatorProcess | undefined;
/** A person who may look, by the roles that a person has, and no more. */
let viewer: string;
/** One who may also write. */
let editor: string;

/** A running command. */
function start(kubeconfig: string, args: readonly string[]) {
  const child = spawn(process.execPath, [join(root, "src/main.ts"), ...args, "--kubeconfig", kubeconfig], {
    env: { PATH: "" },
  });
  const told = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    told.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    told.stderr += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, told, ended };
}

async function petrel(...args: readonly string[]) {
  return await petrelAs(viewer, ...args);
}

async function petrelAs(kubeconfig: string, ...args: readonly string[]) {
  const { told, ended } = start(kubeconfig, args);
  return { code: await ended, ...told };
}

async function apply(object: object): Promise<void> {
  await controlPlane.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
    input: JSON.stringify(object),
  });
}

function ranker(spec: object = {}, name = "ranker") {
  const model = { uri: "https://models.example/ranker", digest: `sha256:${"0".repeat(64)}` };
  return {
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    metadata: { name, namespace: "default" },
    spec: { model, replicas: 2, ...spec },
  };
}

/** Adds to Kubernetes' own roles what the chart adds to them. */
async function applyRolesOfPeople(): Promise<void> {
  const { helm, remove } = await openHelm(controlPlane);
  try {
    const only = "--show-only=templates/people/cluster-roles.yaml";
    const roles = await succeeding(
      helm("template", "petrel", chart, `--namespace=${OPERATOR_NAMESPACE}`, only),
    );
    await controlPlane.kubectl(["apply", "-f", "-"], { input: roles });
  } finally {
    remove();
  }
}

/** Kubeconfig of somebody with one of Kubernetes' own roles. */
async function kubeconfigOf(name: string, role: string): Promise<string> {
  await controlPlane.kubectl(["create", "serviceaccount", name]);
  await controlPlane.kubectl([
    "create",
    "clusterrolebinding",
    name,
    `--clusterrole=${role}`,
    `--serviceaccount=default:${name}`,
  ]);
  const token = (await controlPlane.kubectl(["create", "token", name])).trim();
  const config = parse(readFileSync(controlPlane.kubeconfig, "utf8"));
  config.users = config.users.map(({ name }: { name: string }) => ({ name, user: { token } }));
  const path = join(dirname(controlPlane.kubeconfig), `${name}.kubeconfig`);
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}

beforeAll(async () => {
  // It adds what is aggregated to a role up.
  controlPlane = await startControlPlane({ controllerManager: true });
  await controlPlane.kubectl(["apply", "-f", join(root, "crds")]);
  const isServed = () =>
    controlPlane.kubectl(["get", "modeldeployments"]).then(
      () => true,
      () => false,
    );
  await until("the kind is served", isServed, PATIENCE_MILLISECONDS);
  await controlPlane.kubectl(["create", "namespace", OPERATOR_NAMESPACE]);
  await applyRolesOfPeople();
  viewer = await kubeconfigOf("viewer", "view");
  editor = await kubeconfigOf("editor", "edit");
  const mayLook = async () => (await petrel("status", "--all-namespaces")).code === EXIT.done;
  await until("the role view covers ModelDeployments", mayLook, PATIENCE_MILLISECONDS);
  operator = await OperatorProcess.start(controlPlane.kubeconfig);
}, 1_200_000);

afterAll(async () => {
  operator?.child.kill("SIGKILL");
  await controlPlane?.stop();
}, 60_000);

test("status shows what the operator reports, all that a person with the role view may read", async () => {
  await apply(ranker());
  const shows = async () => (await petrel("status", "ranker")).stdout.includes("Conditions");
  await until("it has conditions", shows, PATIENCE_MILLISECONDS);
  const { stdout } = await petrel("status", "ranker", "-o", "json");
  const view = JSON.parse(stdout);
  expect(view).toMatchObject({ name: "ranker", namespace: "default", notReadable: [], isOfThisSpec: true });
  expect(view.pools).toEqual([expect.objectContaining({ name: "default", readyReplicas: 0, replicas: 2 })]);
  expect(view.revisions).toEqual([
    expect.objectContaining({ role: "Stable", uri: "https://models.example/ranker" }),
  ]);
  expect((await petrel("status", "--all-namespaces")).stdout).toMatch(/^default +ranker +Changing +0\/2 /m);
}, 400_000);

test("an event about it is shown", async () => {
  const { uid } = JSON.parse(await controlPlane.kubectl(["get", "mdep", "ranker", "-o", "json"])).metadata;
  await apply({
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: "ranker.1", namespace: "default" },
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "petrel.dev/test",
    reportingInstance: "test",
    action: "Test",
    reason: "Tested",
    type: "Normal",
    note: "somebody looked",
    regarding: {
      apiVersion: "petrel.dev/v1alpha1",
      kind: "ModelDeployment",
      name: "ranker",
      namespace: "default",
      uid,
    },
  });
  expect((await petrel("status", "ranker")).stdout).toContain("Tested  somebody looked");
}, 120_000);

test("a screen that is watched is drawn again when something changes", async () => {
  const watch = start(viewer, ["status", "ranker", "--watch"]);
  await until("it is shown", () => watch.told.stdout.includes("0/2"), PATIENCE_MILLISECONDS);
  await controlPlane.kubectl(["scale", "mdep/ranker", "--replicas=3"]);
  await until("it is shown again", () => watch.told.stdout.includes("0/3"), PATIENCE_MILLISECONDS);
  watch.child.kill("SIGINT");
  expect(await watch.ended).toBe(EXIT.done);
}, 300_000);

test("history lists the revisions, and compare says in what two differ", async () => {
  const model = { uri: "https://models.example/ranker/2", digest: `sha256:${"1".repeat(64)}` };
  const revisions = async () => JSON.parse((await petrel("history", "ranker", "-o", "json")).stdout);
  const first = await revisions();
  expect(first).toHaveLength(1);
  await apply(ranker({ model }));
  await until("there are two", async () => (await revisions()).length === 2, PATIENCE_MILLISECONDS);
  const names = (await revisions()).map(({ name }: { name: string }) => name);
  const { stdout, code } = await petrel("compare", ...names, "-o", "json");
  expect(code).toBe(EXIT.done);
  const fields = JSON.parse(stdout).differences.map(({ field }: { field: string }) => field);
  expect(fields).toEqual(["model.digest", "model.uri"]);
}, 400_000);

test("wait says what is awaited, and runs out of time", async () => {
  const { code, stdout, stderr } = await petrel("wait", "ranker", "--for=promoted", "--timeout=3s");
  expect([code, stderr]).toEqual([EXIT.timeout, expect.stringContaining("not promoted within 3 s")]);
  expect(stdout).toContain("waiting to be promoted: ");
}, 120_000);

test("wait ends at once when it is stalled, with the cause", async () => {
  await controlPlane.kubectl(["create", "service", "clusterip", "taken", "--tcp=80"]);
  await apply(ranker({}, "taken"));
  const { code, stderr } = await petrel("wait", "taken", "--timeout=5m");
  expect([code, stderr]).toEqual([EXIT.refused, expect.stringContaining("Stalled: NotOwned: ")]);
}, 400_000);

test("a person with the role edit leads a rollout, and begins one anew", async () => {
  // No pod runs here, so nothing is released: a ModelDeployment that is left alone stands for one in mid-rollout.
  await apply(ranker({ suspend: true }, "guided"));
  const isLeftAlone = async () => (await petrel("status", "guided")).stdout.includes("Suspended");
  await until("it is suspended", isLeftAlone, PATIENCE_MILLISECONDS);
  const { metadata } = JSON.parse(await controlPlane.kubectl(["get", "mdep", "guided", "-o", "json"]));
  const patch = (what: string, status: object) =>
    controlPlane.kubectl([
      "patch",
      what,
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify({ status }),
    ]);
  const owner = {
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelDeployment",
    name: "guided",
    uid: metadata.uid,
  };
  const canary = { steps: [{ weight: "10%", pause: true }] };
  const strategy = { type: "Canary", canary };
  await apply({
    apiVersion: "petrel.dev/v1alpha1",
    kind: "ModelRollout",
    metadata: {
      name: "guided-1",
      namespace: "default",
      labels: { "petrel.dev/model-deployment": "guided" },
      ownerReferences: [{ ...owner, controller: true }],
    },
    spec: { modelDeployment: "guided", revision: "guided-x", number: 1, strategy },
  });
  await patch("mdep/guided", { rollout: { number: 1, name: "guided-1", revision: "guided-x" } });
  await patch("mrol/guided-1", { phase: "Paused", step: 1, steps: 2, message: "waits for approval" });
  const shown = (await petrel("status", "guided")).stdout;
  expect(shown).toContain("Rollout guided-1 (Canary): Paused\n  waits for approval\n");

  const said: string[] = [];
  for (const args of [
    ["pause", "--reason", "lunch"],
    ["approve"],
    ["resume"],
    ["abort", "--reason", "odd"],
  ]) {
    const [verb = "", ...options] = args;
    const { code, stdout, stderr } = await petrelAs(editor, verb, "guided", ...options);
    expect([code, stderr]).toEqual([EXIT.done, ""]);
    said.push(stdout);
  }
  expect(said[0]).toBe(
    "modelrollout.petrel.dev/guided-1: paused: the share of the new revision does not grow\n",
  );
  const { spec } = JSON.parse(await controlPlane.kubectl(["get", "mrol", "guided-1", "-o", "json"]));
  expect(spec).toMatchObject({ paused: false, approvedStep: 1, decision: "Abort", reason: "odd" });

  const verdict = {
    outcome: "Aborted",
    reason: "DecidedByPerson",
    message: "odd",
    at: "2026-01-01T00:00:00Z",
  };
  await patch("mrol/guided-1", { phase: "Aborted", verdict });
  expect((await petrelAs(editor, "promote", "guided")).stderr).toBe(
    "error: guided-1 is over: Aborted, odd\n",
  );
  expect((await petrelAs(editor, "retry", "guided")).code).toBe(EXIT.done);
  const after = JSON.parse(await controlPlane.kubectl(["get", "mdep", "guided", "-o", "json"]));
  expect(after.metadata.annotations["petrel.dev/retry"]).toMatch(/^\d{4}-/);
  expect(after.metadata.generation).toBe(metadata.generation);
}, 400_000);

test.each([
  ["one that is not there", ["status", "nobody"], EXIT.refused],
  ["the history of one that is not there", ["history", "nobody"], EXIT.refused],
  ["a refresh without the right to it", ["refresh", "ranker"], EXIT.cluster],
  ["a rollout that is over", ["pause", "guided"], EXIT.refused],
  ["a retry of what was never released", ["retry", "ranker"], EXIT.refused],
  ["an option that is not there", ["status", "--unheard-of"], EXIT.usage],
  ["a name and all namespaces", ["status", "ranker", "--all-namespaces"], EXIT.usage],
  ["a context that is not there", ["status", "--context", "nowhere"], EXIT.cluster],
])(
  "%s ends with its code",
  async (_what, args, code) => {
    const ended = await petrel(...args);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(/^error: /)]);
  },
  120_000,
);
