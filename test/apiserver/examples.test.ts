/**
 * Every file of `examples/` is one that works: each manifest is taken by a real kube-apiserver, strictly, with the
 * definitions of the projects that it speaks to; whatever is no manifest has a test that is named here.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import {
  buildTools,
  type ControlPlane,
  moduleFolder,
  runOrFail,
  startControlPlane,
} from "../../e2e/cluster/index.ts";

// Each manifest takes a kubectl of its own, which needs its time on a busy machine.
jest.setTimeout(60_000);

const root = join(import.meta.dirname, "../..");

/** Files that are not applied, and the test that holds them to what they promise. */
const TESTED_ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^README\.md$/, "test/tools/documents.test.ts"],
  [/^(models\/cdnow\/|cdnow\/)/, "test/golden/example-models.test.ts"],
  [/^models\/cdnow-triton\//, "test/apiserver/foreign-runtime.test.ts"],
  [/^argocd\/health\.lua$/, "test/apiserver/gitops.test.ts"],
  [/^argocd\/experiment-health\.lua$/, "test/apiserver/gitops-experiment.test.ts"],
  [/^from-plain-deployment\/README\.md$/, "e2e/from-plain-deployment.test.ts"],
];

/** Flux publishes this definition in no module that can be had; its own Go type reads the object instead. */
const HELM_RELEASE = "helm.toolkit.fluxcd.io/v2";

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const files = globSync("**/*", { cwd: join(root, "examples"), withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(join(root, "examples/").length))
  .toSorted();
const isManifest = (file: string) => /\.ya?ml$/.test(file);

function manifests(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(join(root, "examples", file), "utf8"))
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  const gateway = join(await moduleFolder("gateway-api"), "config/crd/standard");
  const flux = ["flux-kustomize-controller", "flux-source-controller"] as const;
  const folders = await Promise.all(
    flux.map(async (name) => join(await moduleFolder(name), "config/crd/bases")),
  );
  for (const path of [join(root, "crds"), gateway, ...folders]) {
    await controlPlane.kubectl(["apply", "--server-side", "--filename", path]);
  }
  await controlPlane.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
  const namespaces = new Set(
    files
      .filter(isManifest)
      .flatMap(manifests)
      .map(({ metadata }) => metadata.namespace),
  );
  for (const namespace of namespaces) {
    if (namespace !== undefined) await controlPlane.kubectl(["create", "namespace", namespace]);
  }
}, 1_800_000);

afterAll(() => controlPlane?.stop());

describe("the manifests", () => {
  const documents = files
    .filter(isManifest)
    .flatMap((file) => manifests(file).map((object) => [`${file}: ${object.kind}`, object] as const));

  test("are there", () => expect(documents.length).toBeGreaterThan(10));

  test.each(documents)("%s", async (_name, object) => {
    const input = JSON.stringify(object);
    if (object.apiVersion === HELM_RELEASE) {
      const tools = await buildTools(["gitops"], () => {});
      const answer = await runOrFail(tools.program("gitops"), ["helmrelease"], { input: `[${input}]` });
      expect(JSON.parse(answer)).toEqual([{ status: "Valid", message: "" }]);
      return;
    }
    const strictly = ["--dry-run=server", "--validate=strict", "--filename=-"];
    await controlPlane.kubectl(["apply", "--server-side", ...strictly], { input });
  });
});

describe("the manifests in documents", () => {
  const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: root }).toSorted()];
  const blocks = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```$/gm)]
      .map(([, block = ""]) => block)
      .filter((block) => /^apiVersion:/m.test(block))
      .map((block, index) => [`${page}, ${index + 1}`, block] as const),
  );

  test("are there", () => expect(blocks.length).toBeGreaterThan(0));

  test.each(blocks)("%s", async (_name, input) => {
    const strictly = ["--dry-run=server", "--validate=strict", "--filename=-"];
    await controlPlane.kubectl(["apply", "--server-side", ...strictly], { input });
  });
});

describe("what is no manifest", () => {
  test.each(files.filter((file) => !isManifest(file)))("%s has a test", (file) => {
    const [, tested] = TESTED_ELSEWHERE.find(([pattern]) => pattern.test(file)) ?? [];
    expect(tested).toBeDefined();
    expect(globSync(tested ?? "", { cwd: root })).toEqual([tested]);
  });
});
