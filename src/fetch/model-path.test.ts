import { expect, test } from "@jest/globals";
import { pathFault } from "./model-path.ts";

test.each(["model.onnx", "1/model.onnx", "a b/c,d.txt", "été", ".hidden", "..."])("%j is a path", (path) => {
  expect(pathFault(path)).toBeUndefined();
});

test.each([
  ["", "empty path"],
  ["/etc/passwd", "absolute"],
  ["../model.onnx", ".."],
  ["a/../../model.onnx", ".."],
  ["a//b", "empty part"],
  ["a/./b", "empty part"],
  ["a/", "empty part"],
  ["a\\b", "backslash"],
  ["a\nb", "control character"],
  ["a\0b", "control character"],
  ["\ud800", "no Unicode"],
  ["x".repeat(256), "more than 255 bytes"],
  ["é".repeat(128), "more than 255 bytes"],
  ["d/".repeat(512).concat("x"), "more than 1024 bytes"],
])("%j is none", (path, fault) => {
  expect(pathFault(path)).toContain(fault);
});
