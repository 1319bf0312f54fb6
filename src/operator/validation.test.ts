/**
 * A validation as the operator carries it out, on an API in memory in which a Job runs as the test says.
 */
import { beforeEach, expect, test } from "@jest/globals";
import { startLeadingOperator } from "../../test/fixtures/leading-operator.ts";
import { modelDeploymentObject } from "../../test/fixtures/model-deployment-object.ts";
import { goodReport, VALIDATION } from "../../test/fixtures/validations.ts";
import { MemoryApiServer } from "../../test/memory-cluster/api-server.ts";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { asRecord, asString, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL } from "../api/names.ts";

/** Virtual minutes cost real seconds where the machine is busy with something else. */
const LIMIT_MILLISECONDS = 60_000;
const PEOPLE = { fieldManager: "people", force: true };

let clock: VirtualClock;
let server: MemoryApiServer;

beforeEach(() => {
  clock = new VirtualClock();
  server = new MemoryApiServer(clock);
});

async function apply(spec: object): Promise<void> {
  await server.apply(modelDeploymentObject("ranker", spec), PEOPLE);
  await clock.advance(60_000);
}

function all(kind: string): readonly KubeObject[] {
  return server.objects().filter((object) => object.kind === kind);
}

/** Replicas of the model servers. */
function replicas(): unknown {
  const [servers] = all("Deployment").filter(
    ({ metadata }) => metadata.labels?.[LABEL.component] === COMPONENT.modelServer,
  );
  return valueAt(servers, "spec", "replicas");
}

function validation(): Readonly<Record<string, unknown>> {
  return asRecord(valueAt(all("ModelDeployment")[0], "status", "validation")) ?? {};
}

/** The Job controller makes a pod, and the kubelet tells how it ended. */
async function run(message: string): Promise<void> {
  const [job] = all("Job");
  const name = job?.metadata.name ?? "";
  const template = valueAt(job, "spec", "template");
  const labels = {
    ...asRecord(valueAt(template, "metadata", "labels")),
    "batch.kubernetes.io/job-name": name,
  } as Record<string, string>;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${name}-abcde`, namespace: "shop", labels },
    spec: asRecord(valueAt(template, "spec")) ?? {},
  };
  await server.apply(pod, { fieldManager: "job-controller", force: true });
  const terminated = { exitCode: 0, reason: "Completed", message };
  const status = { phase: "Succeeded", containerStatuses: [{ name: "evaluate", state: { terminated } }] };
  const { spec: _spec, ...identity } = pod;
  await server.apply(
    { ...identity, status },
    { fieldManager: "kubelet", force: true, subresource: "status" },
  );
  await clock.advance(60_000);
}

test(
  "a Job is made, its pod's message becomes the outcome, and the Job goes",
  async () => {
    startLeadingOperator(server, clock);
    await apply({ validation: VALIDATION });
    const [job] = all("Job");
    expect(job?.metadata.name).toBe(validation()["job"]);
    expect(replicas()).toBe(0);
    await run(JSON.stringify(goodReport(true)));
    expect(validation()).toMatchObject({ outcome: "Passed", rows: 4724, checks: goodReport(true).checks });
    expect(all("Job")).toEqual([]);
    expect(replicas()).toBe(1);
  },
  LIMIT_MILLISECONDS,
);

test(
  "an operator that starts anew runs nothing again, though the Job is gone",
  async () => {
    const first = startLeadingOperator(server, clock);
    await apply({ validation: VALIDATION });
    await run('{"problem":"expected rows, got none"}');
    // The Job itself has not ended: one more pod may do better.
    expect(validation()).not.toHaveProperty("outcome");
    await run(JSON.stringify({ ...goodReport(true), passed: false }));
    expect(validation()).toMatchObject({ outcome: "Failed" });
    first.stop();
    for (const kind of ["job", "pod"] as const) {
      for (const { metadata } of all(kind === "job" ? "Job" : "Pod")) {
        await server.delete({ resource: RESOURCE[kind], name: metadata.name, namespace: "shop" }, {});
      }
    }
    startLeadingOperator(server, clock);
    await clock.advance(600_000);
    expect(all("Job")).toEqual([]);
    expect(asString(validation()["outcome"])).toBe("Failed");
  },
  LIMIT_MILLISECONDS,
);
