/**
 * Folders of Go modules that are read and not built: the CustomResourceDefinitions of others, as they publish them.
 *
 * Each is pinned by version and by the checksum that Go itself records in a go.sum.
 */
import { callersEnvironment, runOrFail } from "../command.ts";

const downloadTimeoutMilliseconds = 5 * 60_000;

const modules = {
  contour: {
    path: "github.com/projectcontour/contour",
    version: "v1.33.8",
    sum: "h1:QoOfwqWws+CVRFpsRC2+f1DmB5IdurtyUtepIsiWfE0=",
  },
  "gateway-api": {
    path: "sigs.k8s.io/gateway-api",
    version: "v1.4.0",
    sum: "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
  },
  "prometheus-operator": {
    path: "github.com/prometheus-operator/prometheus-operator",
    version: "v0.85.0",
    sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
  },
  "flux-kustomize-controller": {
    path: "github.com/fluxcd/kustomize-controller",
    version: "v1.7.3",
    sum: "h1:SzNnGn/4ObAPEHHleM5U7y/AKxKXph3Vj6ZhteeXw8M=",
  },
  "flux-source-controller": {
    path: "github.com/fluxcd/source-controller",
    version: "v1.8.0",
    sum: "h1:h549HUCBEG4jGs3uFYfb2+/XhJjcz+pvB8VG4mdSYDw=",
  },
} as const;

/** Name of a module that is read. */
export type ModuleName = keyof typeof modules;

/** Absolute path of a module's folder, downloaded by Go where it is not in Go's own cache. It must not be written to. */
export async function moduleFolder(name: ModuleName): Promise<string> {
  const { path, version, sum } = modules[name];
  const output = await runOrFail("go", ["mod", "download", "-json", `${path}@${version}`], {
    wholeEnvironment: callersEnvironment({ GOWORK: "off", GOFLAGS: "" }),
    workingFolder: "/",
    timeoutMilliseconds: downloadTimeoutMilliseconds,
  });
  const downloaded: { readonly Dir: string; readonly Sum: string } = JSON.parse(output);
  if (downloaded.Sum === sum) return downloaded.Dir;
  throw new Error(`Go module ${path} ${version}: expected checksum ${sum}, got ${downloaded.Sum}`);
}
