import { expect, test } from "@jest/globals";
import { projectPod } from "./pod.ts";

const MODEL = `registry.example/ranker@sha256:${"0".repeat(64)}`;

function troubleOf(container: string, message: string) {
  return projectPod({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "ranker-1", namespace: "shop" },
    spec: {
      volumes: [
        { name: "tmp", emptyDir: {} },
        { name: "model", image: { reference: MODEL } },
      ],
    },
    status: {
      initContainerStatuses: [
        {
          name: container,
          ready: false,
          image: "registry.example/petrel:1",
          state: { waiting: { reason: "ImagePullBackOff", message } },
        },
      ],
    },
  }).observed.trouble;
}

test("a model's image that cannot be pulled is a fetch that failed", () => {
  expect(troubleOf("fetch", `Back-off pulling image "${MODEL}": not found`)).toEqual({
    type: "FetchFailed",
    message: `the model's image ${MODEL} cannot be pulled`,
  });
});

test.each([
  ["fetch", 'Back-off pulling image "registry.example/petrel:1"'],
  ["serve", `Back-off pulling image "${MODEL}"`],
])("the image of container %s is not taken for it", (container, message) => {
  expect(troubleOf(container, message)).toMatchObject({ type: "ContainerWaiting" });
});
