/**
 * The API server's JSON, read with care: what comes in is unknown until it is proven to be an object, a list,
 * a watch event or a refusal. Pure.
 *
 * Nothing is copied field by field, so a field that Petrel does not know survives a read and a write.
 */
import { isRecord } from "../api/json.ts";
import {
  apiVersionOf,
  type KubeObject,
  type ObjectReference,
  type ResourceType,
} from "../api/kube-object.ts";
import { KubeError, type ObjectList, type WatchEvent } from "./port.ts";

/** Longest part of an unexpected text that an error repeats. */
const MAXIMUM_QUOTE_LENGTH = 512;

/** What a query string is made of; absent parameters are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** URL path of all objects of a type, in one namespace or in all. */
export function collectionPath(resource: ResourceType, namespace: string | undefined): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${apiVersionOf(resource)}`;
  return namespace === undefined || !resource.namespaced
    ? `${root}/${resource.plural}`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/${resource.plural}`;
}

/** URL path of one object. Throws when a namespaced type comes without a namespace. */
export function objectPath({ resource, name, namespace }: ObjectReference, subresource?: string): string {
  if (name === "") throw new Error(`a ${resource.kind} must be named to be addressed`);
  if (resource.namespaced && namespace === undefined) {
    throw new Error(`${resource.kind} ${name} needs a namespace: the type is namespaced`);
  }
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** A path with its query. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Parses JSON. Throws {@link KubeError} with status 0 and reason `BadAnswer` on anything else. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badAnswer("JSON", `${text.length} characters that are not JSON`);
  }
}

/** An object as `get`, `create`, `apply` and `replace` answer it. */
export function parseObject(value: unknown): KubeObject {
  if (isKubeObject(value)) return value;
  throw badAnswer("an object with apiVersion, kind and metadata.name", value);
}

/** One page of a list. Items of built-in types come without `apiVersion` and `kind`, which are put back. */
export function parseList(value: unknown, resource: ResourceType): ObjectList {
  if (!isRecord(value) || !isRecord(value["metadata"])) throw badAnswer("a list with metadata", value);
  const { resourceVersion, continue: continueToken } = value["metadata"];
  const items = value["items"] ?? [];
  if (typeof resourceVersion !== "string" || !Array.isArray(items)) {
    throw badAnswer("a list with items and metadata.resourceVersion", value);
  }
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return {
    items: items.map((item: unknown) => parseObject(isRecord(item) ? { ...type, ...item } : item)),
    resourceVersion,
    ...(typeof continueToken === "string" && continueToken !== "" ? { continueToken } : {}),
  };
}

/** One line of a watch. Throws {@link KubeError} when the line is the API server's ERROR event. */
export function parseWatchLine(line: string): WatchEvent {
  const value = parseJson(line);
  if (!isRecord(value)) throw badAnswer("a watch event", value);
  const { type, object } = value;
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: parseObject(object) };
    case "BOOKMARK":
      return parseBookmark(object);
    case "ERROR":
      throw refusalOf(object, 500, undefined);
    default:
      throw badAnswer("a watch event of a known type", value);
  }
}

/** The refusal that an HTTP answer stands for. */
export function parseRefusal(status: number, body: string, retryAfterHeader: string | undefined): KubeError {
  let value: unknown = body;
  try {
    value = JSON.parse(body);
  } catch {
    // A proxy in between answers in HTML or plain text: what it says is quoted.
  }
  return refusalOf(value, status, retryAfterHeader);
}

function refusalOf(value: unknown, httpStatus: number, retryAfterHeader: string | undefined): KubeError {
  const status = isRecord(value) ? value : {};
  const details = isRecord(status["details"]) ? status["details"] : {};
  return new KubeError(
    typeof status["code"] === "number" ? status["code"] : httpStatus,
    typeof status["reason"] === "string" && status["reason"] !== "" ? status["reason"] : "Unknown",
    typeof status["message"] === "string" && status["message"] !== ""
      ? status["message"]
      : `the API server answered HTTP ${httpStatus}: ${describe(value)}`,
    retryAfterSeconds(details["retryAfterSeconds"]) ?? retryAfterSeconds(retryAfterHeader),
  );
}

/** Both forms count whole seconds; the HTTP header may also be a date, which the API server never sends. */
function retryAfterSeconds(value: unknown): number | undefined {
  const seconds = typeof value === "string" ? Number.parseInt(value, 10) : value;
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

function parseBookmark(object: unknown): WatchEvent {
  const metadata = isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
  const { resourceVersion, annotations } = metadata;
  if (typeof resourceVersion !== "string") throw badAnswer("a bookmark with a resourceVersion", object);
  const initialEventsEnd = isRecord(annotations) && annotations["k8s.io/initial-events-end"] === "true";
  return { type: "BOOKMARK", resourceVersion, initialEventsEnd };
}

function isKubeObject(value: unknown): value is KubeObject {
  return (
    isRecord(value) &&
    typeof value["apiVersion"] === "string" &&
    typeof value["kind"] === "string" &&
    isRecord(value["metadata"]) &&
    typeof value["metadata"]["name"] === "string"
  );
}

function badAnswer(expected: string, found: unknown): KubeError {
  return new KubeError(0, "BadAnswer", `expected ${expected} from the API server, got ${describe(found)}`);
}

/** Objects are told by their fields' names only: their values may be secret. */
function describe(value: unknown): string {
  if (typeof value === "string") {
    return value.length > MAXIMUM_QUOTE_LENGTH ? `${value.slice(0, MAXIMUM_QUOTE_LENGTH)}...` : value;
  }
  return isRecord(value) ? `an object of ${Object.keys(value).slice(0, 8).join(", ")}` : typeof value;
}
