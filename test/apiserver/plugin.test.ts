/**
 * The plugin of kubectl: built as people build it, it runs where there is nothing else.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "petrel-plugin-"));
const plugin = join(folder, "kubectl-petrel");

beforeAll(() => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "tools/build-cli.ts"), plugin]);
  if (status !== 0) throw new Error(String(stderr));
}, 1_200_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(plugin, args, {
    env: { PATH: "" },
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("it checks a manifest, without Node, a cluster, or anything in PATH", () => {
  const manifests = join(root, "test/apiserver/manifests");
  expect(run("validate", join(root, "examples/quickstart.yaml"))).toEqual({
    status: 0,
    stdout: "1 ModelDeployment checked: 0 errors, 0 warnings\n",
    stderr: "",
  });
  const invalid = run("validate", join(manifests, "invalid/model-without-digest.yaml"));
  expect(invalid.status).toBe(1);
  expect(invalid.stdout).toContain("spec.model.digest: what this URI names can change");
}, 120_000);

test("it knows every verb for people, and ends a wrong call with 2", () => {
  const { stdout } = run("--help");
  for (const verb of ["status", "history", "compare", "validate", "wait", "feedback", "refresh", "digest"]) {
    expect(stdout).toMatch(new RegExp(`^  ${verb}\\b`, "m"));
  }
  expect(run("status", "--unheard-of").status).toBe(2);
}, 120_000);

test("it asks the cluster of a kubeconfig", () => {
  const { status, stderr } = run("status", "--kubeconfig", join(folder, "none"));
  expect([status, stderr]).toEqual([3, expect.stringContaining("cannot read the kubeconfig")]);
}, 120_000);
