/** How a cluster's processes and mounts are told from all others: what clean-up goes by. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { cached, hashOf } from "../../e2e/cluster/cache.ts";
import { parseMounts } from "../../e2e/cluster/kernel.ts";
import { cgroupsAreIn, isZombie } from "../../e2e/cluster/processes.ts";

describe("/proc/PID/cgroup", () => {
  const tag = "petrel-0123abcd";
  test.each([
    ["version 1", `5:devices:/${tag}/n1/kubepods/pod1\n4:memory:/other`, true],
    ["version 2", `0::/${tag}/n1/kubepods`, true],
    ["below another group", `0::/container/${tag}/n1`, true],
    ["another cluster", "0::/petrel-ffffffff/n1", false],
    ["a name that only starts alike", `0::/${tag}0/n1`, false],
    ["none", "0::/", false],
  ])("%s", (_, text, expected) => {
    expect(cgroupsAreIn(text, tag)).toBe(expected);
  });
});

test.each([
  ["1 (sleep) S 0 1", false],
  ["1 (sleep) Z 0 1", true],
  ["1 (a) Z (b) S 0 1", false],
  ["1 (Z) Z 0 1", true],
])("whether %p has ended is %p", (stat, expected) => {
  expect(isZombie(stat)).toBe(expected);
});

test("mounts are read with their type, and with spaces in their paths", () => {
  const text = [
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755",
    "41 31 0:38 / /sys/fs/cgroup/unified rw shared:7 master:2 - cgroup2 cgroup2 rw",
    "99 27 8:1 /a\\040b /mnt/a\\040b\\134c rw - ext4 /dev/sda1 rw",
    "",
  ].join("\n");
  expect(parseMounts(text)).toEqual([
    { root: "/", point: "/sys/fs/cgroup", type: "tmpfs" },
    { root: "/", point: "/sys/fs/cgroup/unified", type: "cgroup2" },
    { root: "/a b", point: "/mnt/a b\\c", type: "ext4" },
  ]);
});

describe("the cache", () => {
  const before = process.env["PETREL_CACHE"];
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "petrel-cache-test-"));
    process.env["PETREL_CACHE"] = folder;
  });
  afterEach(() => {
    if (before === undefined) delete process.env["PETREL_CACHE"];
    else process.env["PETREL_CACHE"] = before;
    rmSync(folder, { recursive: true, force: true });
  });

  test("makes an entry once, also for two at a time", async () => {
    let made = 0;
    const make = async () => {
      made += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    const places = await Promise.all([cached("tools", "a-1", make), cached("tools", "a-1", make)]);
    expect(places).toEqual([join(folder, "tools/a-1"), join(folder, "tools/a-1")]);
    expect(made).toBe(1);
  });

  test("does not take a failed entry for one that was made", async () => {
    const fail = () => Promise.reject(new Error("no compiler"));
    await expect(cached("tools", "a-1", fail)).rejects.toThrow("no compiler");
    let madeAgain = false;
    await cached("tools", "a-1", async () => {
      madeAgain = true;
    });
    expect(madeAgain).toBe(true);
  });

  test("has hashes in which borders between parts count", () => {
    expect(hashOf(["ab", "c"])).not.toBe(hashOf(["a", "bc"]));
    expect(hashOf(["a"])).toMatch(/^[0-9a-f]{12}$/);
  });
});
