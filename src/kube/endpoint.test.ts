/**
 * Where the API server is found and with which credentials.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { loadEndpoint } from "./endpoint.ts";

let folder: string;
const clock = new VirtualClock();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "petrel-endpoint-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function kubeconfig(server: string, name = "main", user: object = { token: "secret" }): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": "Y2E=" } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: `ns-${name}` } }],
    "current-context": name,
  });
}

describe("in a pod", () => {
  const environment = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "6443" };
  const load = (host = environment.KUBERNETES_SERVICE_HOST) =>
    loadEndpoint({
      clock,
      environment: { ...environment, KUBERNETES_SERVICE_HOST: host },
      serviceAccountDirectory: folder,
    });

  beforeEach(() => {
    write("token", "first\n");
    write("ca.crt", "ca");
    write("namespace", "models\n");
  });

  test("the ServiceAccount is used", async () => {
    const endpoint = await load();
    expect(endpoint.server.href).toBe("https://10.0.0.1:6443/");
    expect(endpoint.namespace).toBe("models");
    const { headers, tls } = await endpoint.credentials();
    expect(headers).toEqual({ authorization: "Bearer first" });
    expect(tls).toMatchObject({ ca: Buffer.from("ca"), rejectUnauthorized: true });
  });

  test("an IPv6 address gets its brackets", async () => {
    expect((await load("fd00::1")).server.href).toBe("https://[fd00::1]:6443/");
  });

  test("a rotated token is taken up within a minute", async () => {
    const endpoint = await load();
    await endpoint.credentials();
    write("token", "second");
    await clock.advance(59_000);
    expect((await endpoint.credentials()).headers["authorization"]).toBe("Bearer first");
    await clock.advance(2_000);
    expect((await endpoint.credentials()).headers["authorization"]).toBe("Bearer second");
  });
});

describe("with a kubeconfig", () => {
  test("its current context is used", async () => {
    const path = write("config", kubeconfig("https://one.example:6443/prefix"));
    const endpoint = await loadEndpoint({ clock, environment: {}, kubeconfig: path });
    expect(endpoint.server.href).toBe("https://one.example:6443/prefix");
    expect(endpoint.namespace).toBe("ns-main");
    const { headers, tls } = await endpoint.credentials();
    expect(headers).toEqual({ authorization: "Bearer secret" });
    expect(tls).toMatchObject({ ca: Buffer.from("ca"), rejectUnauthorized: true });
  });

  test("it wins over the ServiceAccount of the pod", async () => {
    const path = write("config", kubeconfig("https://one.example"));
    const environment = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBECONFIG: path };
    expect((await loadEndpoint({ clock, environment })).server.hostname).toBe("one.example");
  });

  test("several files of KUBECONFIG are merged; the first current context wins", async () => {
    const one = write("one", kubeconfig("https://one.example", "one"));
    const two = write("two", kubeconfig("https://two.example", "two"));
    const environment = { KUBECONFIG: `${one}:${folder}/missing:${two}` };
    expect((await loadEndpoint({ clock, environment })).server.hostname).toBe("one.example");
    const other = await loadEndpoint({ clock, environment, context: "two" });
    expect(other.server.hostname).toBe("two.example");
  });

  test("the one in the home folder is found", async () => {
    write(".kube/config", kubeconfig("https://home.example"));
    const endpoint = await loadEndpoint({ clock, environment: { HOME: folder } });
    expect(endpoint.server.hostname).toBe("home.example");
  });

  test("basic authentication becomes a header", async () => {
    const user = { username: "u", password: "p" };
    const path = write("config", kubeconfig("https://one.example", "main", user));
    const endpoint = await loadEndpoint({ clock, environment: {}, kubeconfig: path });
    expect((await endpoint.credentials()).headers["authorization"]).toBe("Basic dTpw");
  });

  test.each([
    [
      "an unknown context",
      () => ({ kubeconfig: write("c", kubeconfig("https://x")), context: "no" }),
      /one of \["main"\], got "no"/,
    ],
    [
      "plain HTTP over a network",
      () => ({ kubeconfig: write("c", kubeconfig("http://x")) }),
      /must be reached over https/,
    ],
    [
      "a file that is not there",
      () => ({ kubeconfig: join(folder, "no") }),
      /cannot read the kubeconfig .*no/,
    ],
    ["nothing at all", () => ({}), /expected a kubeconfig at .*\.kube\/config/],
  ])("%s is refused in words", async (_what, options, message) => {
    await expect(loadEndpoint({ clock, environment: { HOME: folder }, ...options() })).rejects.toThrow(
      message,
    );
  });
});
