import { expect, test } from "@jest/globals";
import { aborted } from "./aborted.ts";

test("resolves when the signal is aborted, and not before", async () => {
  const controller = new AbortController();
  let isOver = false;
  const over = aborted(controller.signal).then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  controller.abort();
  await over;
});

test("resolves for a signal that is aborted already", async () => {
  await expect(aborted(AbortSignal.abort())).resolves.toBeUndefined();
});
