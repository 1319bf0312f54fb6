/**
 * The chart's AlertmanagerConfig as the configuration of a plain Alertmanager, as the Prometheus Operator makes it: below a
 * route of its own to nobody, for the alerts of its own namespace unless it is told otherwise. Pure.
 *
 * It takes over what the chart writes and no more: a field that it does not know is an error, so that none is lost on the way.
 */
import { asList, asRecord, asString, valueAt } from "../../../src/api/json.ts";

/** How it is taken over. */
export interface Adoption {
  /** `None` or `OnNamespace`: `alertmanagerConfigMatcherStrategy` of the Alertmanager. */
  readonly strategy: "None" | "OnNamespace";
  /** The keys of the Secret. */
  readonly urls: Readonly<Record<string, string>>;
  /** In place of each time that the chart says; as it says unless given. */
  readonly times?: string;
}

/** Takes what no route of the chart wants. */
export const NOBODY = "nobody";

const ROUTE_TIMES = {
  groupWait: "group_wait",
  groupInterval: "group_interval",
  repeatInterval: "repeat_interval",
};

/** Makes the configuration. Throws, naming it, on what it does not know. */
export function alertmanagerConfiguration(object: unknown, adoption: Adoption): object {
  const { route, inhibitRules, receivers, ...others } = asRecord(valueAt(object, "spec")) ?? {};
  requireNone(others);
  const namespace = textAt(object, "metadata", "namespace");
  const own = adoption.strategy === "None" ? [] : [`namespace="${namespace}"`];
  return {
    route: { receiver: NOBODY, routes: [{ ...routeOf(route, adoption, own), continue: true }] },
    inhibit_rules: asList(inhibitRules).map((rule) => {
      const { sourceMatch, targetMatch, equal, ...rest } = asRecord(rule) ?? {};
      requireNone(rest);
      return {
        source_matchers: [...own, ...asList(sourceMatch).map(matcherOf)],
        target_matchers: [...own, ...asList(targetMatch).map(matcherOf)],
        equal,
      };
    }),
    receivers: [{ name: NOBODY }, ...asList(receivers).map((receiver) => receiverOf(receiver, adoption))],
  };
}

function routeOf(route: unknown, adoption: Adoption, own: readonly string[] = []): object {
  const { receiver, groupBy, matchers, routes, ...rest } = asRecord(route) ?? {};
  const times = Object.entries(ROUTE_TIMES).flatMap(([name, plain]) => {
    const { [name]: stated } = rest;
    return stated === undefined ? [] : [[plain, adoption.times ?? stated]];
  });
  requireNone(Object.fromEntries(Object.entries(rest).filter(([name]) => !(name in ROUTE_TIMES))));
  return {
    receiver,
    ...(groupBy === undefined ? {} : { group_by: groupBy }),
    matchers: [...own, ...asList(matchers).map(matcherOf)],
    ...Object.fromEntries(times),
    routes: asList(routes).map((one) => routeOf(one, adoption)),
  };
}

function matcherOf(matcher: unknown): string {
  return `${textAt(matcher, "name")}${textAt(matcher, "matchType")}${JSON.stringify(textAt(matcher, "value"))}`;
}

function receiverOf(receiver: unknown, { urls }: Adoption): object {
  const { name, webhookConfigs, ...rest } = asRecord(receiver) ?? {};
  requireNone(rest);
  const webhooks = asList(webhookConfigs).map((hook) => {
    const key = textAt(hook, "urlSecret", "key");
    const { [key]: url } = urls;
    if (url === undefined) throw new Error(`the Secret has no key ${key}`);
    return { url, send_resolved: valueAt(hook, "sendResolved") === true };
  });
  return { name, webhook_configs: webhooks };
}

function requireNone(rest: Readonly<Record<string, unknown>>): void {
  const [name] = Object.keys(rest);
  if (name !== undefined)
    throw new Error(`the chart's AlertmanagerConfig says ${name}, which no test takes over`);
}

function textAt(object: unknown, ...path: string[]): string {
  const text = asString(valueAt(object, ...path));
  if (text === undefined) throw new Error(`expected a text at ${path.join(".")}`);
  return text;
}
