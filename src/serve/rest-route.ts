/**
 * The paths of the Open Inference Protocol over HTTP, with the health and the repository extension. Pure: a
 * method and a path in, what is asked for out.
 */
import { invalidArgument, quoted, ServeError } from "./serve-error.ts";

/** An inference. The version is empty when the path names none. */
export interface InferRoute {
  readonly type: "Infer";
  readonly modelName: string;
  readonly modelVersion: string;
}

/** What a request asks for. The version is empty when the path names none. */
export type RestRoute =
  | InferRoute
  | { readonly type: "ServerMetadata" | "ServerLive" | "ServerReady" | "RepositoryIndex" }
  | { readonly type: "RepositoryLoad" | "RepositoryUnload"; readonly modelName: string }
  | {
      readonly type: "ModelMetadata" | "ModelReady";
      readonly modelName: string;
      readonly modelVersion: string;
    };

/** Longest path with its query; Node bounds the headers as a whole too. */
const MAXIMUM_PATH_LENGTH = 4_096;

const POST_ROUTES: readonly RestRoute["type"][] = [
  "Infer",
  "RepositoryIndex",
  "RepositoryLoad",
  "RepositoryUnload",
];

/** The one method of a route. */
export function methodOf(route: RestRoute): "GET" | "POST" {
  return POST_ROUTES.includes(route.type) ? "POST" : "GET";
}

/**
 * Finds the route of a request.
 *
 * @throws {ServeError} NotFound, MethodNotAllowed, or InvalidArgument for a path that is not well-formed.
 */
export function findRoute(method: string, url: string): RestRoute {
  if (url.length > MAXIMUM_PATH_LENGTH) {
    throw invalidArgument(`expected a path of at most ${MAXIMUM_PATH_LENGTH} characters, got ${url.length}`);
  }
  const [path = ""] = url.split("?", 1);
  const route = matchSegments(path.replace(/^\//, "").replace(/\/$/, "").split("/").map(decodeSegment));
  if (route === undefined) {
    throw new ServeError("NotFound", `unknown path ${quoted(path)}`);
  }
  if (method !== methodOf(route)) {
    throw new ServeError("MethodNotAllowed", `expected method ${methodOf(route)}, got ${quoted(method)}`);
  }
  return route;
}

function matchSegments(segments: readonly string[]): RestRoute | undefined {
  const [root, area, ...rest] = segments;
  if (root !== "v2") {
    return undefined;
  }
  switch (area) {
    case undefined:
      return { type: "ServerMetadata" };
    case "health":
      return matchHealth(rest);
    case "models":
      return matchModel(rest);
    case "repository":
      return matchRepository(rest);
    default:
      return undefined;
  }
}

function matchHealth(rest: readonly string[]): RestRoute | undefined {
  if (rest.length !== 1) {
    return undefined;
  }
  if (rest[0] === "live") {
    return { type: "ServerLive" };
  }
  return rest[0] === "ready" ? { type: "ServerReady" } : undefined;
}

function matchModel([modelName = "", ...rest]: readonly string[]): RestRoute | undefined {
  const hasVersion = rest[0] === "versions";
  const modelVersion = hasVersion ? (rest[1] ?? "") : "";
  const [action, ...more] = hasVersion ? rest.slice(2) : rest;
  if (modelName === "" || (hasVersion && modelVersion === "") || more.length > 0) {
    return undefined;
  }
  switch (action) {
    case undefined:
      return { type: "ModelMetadata", modelName, modelVersion };
    case "ready":
      return { type: "ModelReady", modelName, modelVersion };
    case "infer":
      return { type: "Infer", modelName, modelVersion };
    default:
      return undefined;
  }
}

function matchRepository(rest: readonly string[]): RestRoute | undefined {
  const [first, modelName = "", action, ...more] = rest;
  if (first === "index" && rest.length === 1) {
    return { type: "RepositoryIndex" };
  }
  if (first !== "models" || modelName === "" || more.length > 0) {
    return undefined;
  }
  if (action === "load") {
    return { type: "RepositoryLoad", modelName };
  }
  return action === "unload" ? { type: "RepositoryUnload", modelName } : undefined;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalidArgument(`expected a percent-encoded path of UTF-8, got ${quoted(segment)}`);
  }
}
