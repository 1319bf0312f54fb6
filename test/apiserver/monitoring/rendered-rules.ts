/**
 * The rules as the chart renders them with its own values.
 */
import { parseAllDocuments } from "yaml";
import { buildTools, run } from "../../../e2e/cluster/index.ts";
import { chart, succeeding } from "../chart-setup.ts";

/** One rule: an alert, or a series that is recorded. */
export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Rules that are evaluated together. */
export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Objects that the chart renders from one template. */
export async function renderedObjects(template: string, ...values: string[]): Promise<readonly unknown[]> {
  const tools = await buildTools(["helm"], () => {});
  const words = [
    "template",
    "petrel",
    chart,
    "--namespace=petrel-system",
    `--show-only=templates/${template}`,
  ];
  const text = await succeeding(run(tools.program("helm"), [...words, ...values]));
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** The groups of the PrometheusRule. */
export async function ruleGroups(...values: string[]): Promise<readonly RuleGroup[]> {
  const [rule] = (await renderedObjects(
    "monitoring/rules.yaml",
    "--set=prometheusRule.enabled=true",
    ...values,
  )) as { readonly spec: { readonly groups: readonly RuleGroup[] } }[];
  if (rule === undefined) throw new Error("no PrometheusRule is rendered");
  return rule.spec.groups;
}
