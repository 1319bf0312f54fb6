import { expect, test } from "@jest/globals";
import { routerCommand } from "./command.ts";

const NEEDED = ["--namespace=shop", "--pod-name=r", "--pod-uid=1", "--pod-ip=10.0.0.1", "--node-name=n1"];

/** The options as the program reads them. Throws what it says of what it does not take. */
function optionsFrom(...given: string[]): Record<string, unknown> {
  const command = routerCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .action(() => {});
  command.parse([...NEEDED, ...given], { from: "user" });
  return command.opts();
}

test("Envoy's memory is what the kubelet says, and 1 GiB where nobody says it", () => {
  expect(optionsFrom("--envoy-memory-bytes=536870912")["envoyMemoryBytes"]).toBe(2 ** 29);
  expect(optionsFrom()["envoyMemoryBytes"]).toBe(2 ** 30);
});

test.each(["", "0", "512Mi", "$(ENVOY_MEMORY_BYTES)"])("is refused as Envoy's memory: %j", (memory) => {
  expect(() => optionsFrom(`--envoy-memory-bytes=${memory}`)).toThrow("expected a whole number");
});
