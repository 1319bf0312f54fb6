import { describe, expect, test } from "@jest/globals";
import { findRoute } from "./rest-route.ts";

describe("findRoute", () => {
  test.each([
    ["GET", "/v2", { type: "ServerMetadata" }],
    ["GET", "/v2/", { type: "ServerMetadata" }],
    ["GET", "/v2?x=1", { type: "ServerMetadata" }],
    ["GET", "/v2/health/live", { type: "ServerLive" }],
    ["GET", "/v2/health/ready", { type: "ServerReady" }],
    ["GET", "/v2/models/m", { type: "ModelMetadata", modelName: "m", modelVersion: "" }],
    ["GET", "/v2/models/a%2Fb", { type: "ModelMetadata", modelName: "a/b", modelVersion: "" }],
    ["GET", "/v2/models/m/versions/2", { type: "ModelMetadata", modelName: "m", modelVersion: "2" }],
    ["GET", "/v2/models/m/ready", { type: "ModelReady", modelName: "m", modelVersion: "" }],
    ["GET", "/v2/models/m/versions/2/ready", { type: "ModelReady", modelName: "m", modelVersion: "2" }],
    ["POST", "/v2/models/m/infer", { type: "Infer", modelName: "m", modelVersion: "" }],
    ["POST", "/v2/models/m/versions/2/infer", { type: "Infer", modelName: "m", modelVersion: "2" }],
    ["POST", "/v2/repository/index", { type: "RepositoryIndex" }],
    ["POST", "/v2/repository/models/m/load", { type: "RepositoryLoad", modelName: "m" }],
    ["POST", "/v2/repository/models/m/unload", { type: "RepositoryUnload", modelName: "m" }],
  ])("%s %s", (method, url, route) => {
    expect(findRoute(method, url)).toEqual(route);
  });

  test.each([
    ["GET", "/", "NotFound"],
    ["GET", "/v1/models/m", "NotFound"],
    ["GET", "/v2/health", "NotFound"],
    ["GET", "/v2/health/live/x", "NotFound"],
    ["GET", "/v2/models", "NotFound"],
    ["GET", "/v2/models//ready", "NotFound"],
    ["GET", "/v2/models/m/versions", "NotFound"],
    ["GET", "/v2/models/m/stats", "NotFound"],
    ["POST", "/v2/models/m/infer/x", "NotFound"],
    ["POST", "/v2/repository/models/m/drop", "NotFound"],
    ["GET", "/v2/models/%ff", "InvalidArgument"],
    ["GET", `/v2/${"x".repeat(4_096)}`, "InvalidArgument"],
    ["GET", "/v2/models/m/infer", "MethodNotAllowed"],
    ["POST", "/v2/health/live", "MethodNotAllowed"],
    ["DELETE", "/v2", "MethodNotAllowed"],
  ])("%s %s is %s", (method, url, reason) => {
    expect(() => findRoute(method, url)).toThrow(expect.objectContaining({ reason }));
  });
});
