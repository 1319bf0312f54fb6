/**
 * NVIDIA's Triton, from the wheel `nvidia-pytriton`, which carries the Python backend alone: as an image like its own,
 * with `tritonserver` on the path and backends under `/opt/tritonserver`, and as a program of this machine.
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { Progress } from "./contract.ts";
import { commonEntries, type ImageArchive, libraryEntries, simpleImage } from "./images.ts";
import { pythonPackages } from "./python-packages.ts";
import { installPackages } from "./toolchain/packages.ts";

/** What runs a model in Python. */
const STUB = "triton_python_backend_stub";
/** Debian's Python, for which the wheel has a program that runs models; numpy is installed for the same version. */
const PYTHON = "3.11";
const standardLibrary = `/usr/lib/python${PYTHON}`;
const debianPackages = {
  [`libpython${PYTHON}`]: `/usr/lib/x86_64-linux-gnu/libpython${PYTHON}.so.1.0`,
  [`libpython${PYTHON}-stdlib`]: join(standardLibrary, "os.py"),
};

/**
 * Lays Triton out in an empty folder, and gives the program and where its backends are. Models find numpy beside the
 * backend, for they see no other packages.
 */
export async function layOutTriton(
  folder: string,
  progress: Progress,
): Promise<{ readonly server: string; readonly backends: string }> {
  await installPackages(debianPackages, progress);
  const packages = await pythonPackages("triton-server");
  const place = join(folder, "pytriton/tritonserver");
  mkdirSync(place, { recursive: true });
  for (const name of ["bin", "backends"]) {
    cpSync(join(packages, "pytriton/tritonserver", name), join(place, name), { recursive: true });
  }
  symlinkSync(join(packages, "nvidia_pytriton.libs"), join(folder, "nvidia_pytriton.libs"));
  const backend = join(place, "backends/python");
  for (const name of ["numpy", "numpy.libs"]) symlinkSync(join(packages, name), join(backend, name));
  const models = join(backend, STUB);
  cpSync(join(packages, "pytriton/tritonserver/python_backend_stubs", PYTHON, STUB), models);
  const server = join(place, "bin/tritonserver");
  for (const program of [server, models]) chmodSync(program, 0o755);
  return { server, backends: join(place, "backends") };
}

/** The image of Triton, for amd64. */
export async function tritonImage(progress: Progress): Promise<ImageArchive> {
  await installPackages(debianPackages, progress);
  const packages = await pythonPackages("triton-server");
  const triton = join(packages, "pytriton/tritonserver");
  const server = join(triton, "bin/tritonserver");
  const backend = join(triton, "backends/python");
  const models = join(triton, "python_backend_stubs", PYTHON, STUB);
  // The backend starts a model's process by a shell.
  const shell = "/bin/bash";
  const programs = [server, join(backend, "libtriton_python.so"), models, shell];
  const place = "/opt/tritonserver";
  const libraries = (await libraryEntries(programs)).map((library) =>
    // Programs find the wheel's own libraries by their place relative to them.
    library.path.startsWith(packages)
      ? { ...library, path: `/nvidia_pytriton.libs/${basename(library.path)}` }
      : library,
  );
  return simpleImage("tritonserver", {
    entries: [
      ...commonEntries,
      ...libraries,
      { path: shell, from: shell, mode: 0o755 },
      { path: "/bin/sh", linkTo: "bash" },
      { path: `${place}/bin/tritonserver`, from: server, mode: 0o755 },
      ...filesOf(backend).map((name) => ({
        path: `${place}/backends/python/${name}`,
        from: join(backend, name),
      })),
      { path: `${place}/backends/python/${STUB}`, from: models, mode: 0o755 },
      ...filesOf(standardLibrary).map((name) => ({
        path: join(standardLibrary, name),
        from: join(standardLibrary, name),
      })),
      ...["numpy", "numpy.libs"].map((name) => ({
        path: `/usr/local/lib/python${PYTHON}/dist-packages/${name}`,
        from: join(packages, name),
      })),
    ],
    environment: { PATH: `${place}/bin:/usr/local/bin:/usr/bin:/bin` },
  });
}

/** What is in a folder, but caches, and what is for building programs. */
function filesOf(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => !/^(__pycache__|config-)/.test(name));
}
