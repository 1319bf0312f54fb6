/**
 * What the image petrel-serve-cuda adds loads into the ONNX Runtime of onnxruntime-node, as far as that can be seen
 * without a GPU: up to the point where CUDA's own runtime says that there is no driver. Nothing here computes on a GPU.
 *
 * The driver's library is stood in for by one whose functions all fail, so that the rest can be loaded. More than
 * a gigabyte is downloaded once, so this is a part of `npm run test:full` alone.
 */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { cached, cacheFolder, hashOf } from "./cluster/cache.ts";
import { callersEnvironment, run, runOrFail } from "./cluster/command.ts";
import { installPackages } from "./cluster/toolchain/packages.ts";
import { describeInFull } from "./in-full.ts";

const root = join(import.meta.dirname, "..");
const image = join(root, "images/serve-cuda");
const model = join(root, "src/serve/testdata/mlp.onnx");
const loadModel = `require("onnxruntime-node").InferenceSession.create(${JSON.stringify(model)}, {
  executionProviders: ["cuda"], logSeverityLevel: 4,
}).then(() => console.log("computes"), (error) => console.log(error.message))`;

let collected: string;
let scratch: string;
let driver: string;

/** Functions of the driver's API that a library calls. */
async function driverFunctions(library: string): Promise<readonly string[]> {
  const table = await runOrFail("readelf", ["--dyn-syms", "--wide", library]);
  return [...table.matchAll(/ UND (cu[A-Z]\w*)/g)].map(([, name = ""]) => name);
}

const libraries = () =>
  readdirSync(join(collected, "libraries")).map((name) => join(collected, "libraries", name));

// Its libraries take too long to bring for every run.
describeInFull("petrel-serve-cuda", () => {
  beforeAll(async () => {
    await installPackages({ gcc: "cc", binutils: "readelf" }, () => {});
    const files = readdirSync(image).map((name) => readFileSync(join(image, name)));
    collected = await cached("tools", `serve-cuda-${hashOf(files)}`, async (folder) => {
      await runOrFail(join(image, "collect-libraries.sh"), [folder], {
        wholeEnvironment: callersEnvironment({ TMPDIR: folder }),
        timeoutMilliseconds: 20 * 60_000,
      });
    });
    scratch = mkdtempSync(join(cacheFolder(), "serve-cuda-"));
    const modules = join(scratch, "node_modules");
    for (const name of ["onnxruntime-node", "onnxruntime-common"]) {
      cpSync(join(root, "node_modules", name), join(modules, name), { recursive: true });
    }
    for (const name of readdirSync(join(collected, "provider"))) {
      const beside = join(modules, "onnxruntime-node/bin/napi-v6/linux/x64", name);
      copyFileSync(join(collected, "provider", name), beside);
    }
    driver = join(scratch, "driver");
    mkdirSync(driver);
    const users = [...libraries(), join(collected, "provider/libonnxruntime_providers_cuda.so")];
    const names = new Set((await Promise.all(users.map(driverFunctions))).flat());
    const noDevice = 100;
    const source = [...names].map((name) => `int ${name}(void) { return ${noDevice}; }`).join("\n");
    writeFileSync(join(scratch, "driver.c"), source);
    const library = join(driver, "libcuda.so.1");
    await runOrFail("cc", [
      "-shared",
      "-fPIC",
      "-o",
      library,
      "-Wl,-soname,libcuda.so.1",
      join(scratch, "driver.c"),
    ]);
  }, 30 * 60_000);

  afterAll(() => {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  });

  async function load(searchPath: readonly string[]): Promise<string> {
    writeFileSync(join(scratch, "load.cjs"), loadModel);
    const environment = { LD_LIBRARY_PATH: searchPath.join(":") };
    const { stdout, stderr } = await run(process.execPath, [join(scratch, "load.cjs")], { environment });
    return stdout + stderr;
  }

  test("every library loads, its symbols resolved, with the others and a driver beside it", async () => {
    const script = "import ctypes, os, sys\nfor name in sys.argv[1:]: ctypes.CDLL(name, os.RTLD_NOW)";
    const environment = { LD_LIBRARY_PATH: `${driver}:${join(collected, "libraries")}` };
    await runOrFail("python3", ["-c", script, ...libraries()], { environment });
  }, 120_000);

  test("the provider is found beside ONNX Runtime's own library, and misses its libraries without them", async () => {
    expect(await load([driver])).toMatch(/libcublasLt\.so\.\d+: cannot open shared object file/);
  }, 60_000);

  test("with them it starts, and CUDA's runtime tells that there is no driver or device", async () => {
    expect(await load([driver, join(collected, "libraries")])).toMatch(/CUDA failure (35|100): /);
  }, 60_000);
});
