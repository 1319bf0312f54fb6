/**
 * Every generated file of the repository and what must stand in it. Pure: `tools/generate.ts` writes them,
 * and a test compares them with what is checked in.
 */
import { stringify } from "yaml";
import { customResourceDefinition } from "../src/api/crd.ts";
import { failoverDrillKind } from "../src/api/failover-drill.ts";
import { modelDeploymentKind } from "../src/api/model-deployment.ts";
import { modelExperimentKind } from "../src/api/model-experiment.ts";
import { modelRolloutKind } from "../src/api/model-rollout.ts";
import { API_GROUP } from "../src/api/names.ts";
import { referencePage } from "../src/api/reference.ts";
import { DASHBOARDS } from "./dashboards/register.ts";
import { metricsPage } from "./metrics-page.ts";

const NOTICE = "# Generated from src/api by `npm run generate`. Do not edit.\n";

/** Helm never upgrades what lies in a chart's crds/ folder, so the CRD is a template that values can switch off. */
function chartTemplate(crd: string): string {
  const withKeep = crd.replace(
    /^metadata:\n/m,
    "metadata:\n  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n",
  );
  return `{{- if .Values.crds.enabled }}\n${NOTICE}${withKeep}{{- end }}\n`;
}

/** Path in the repository -> content. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const definition of [modelDeploymentKind, modelExperimentKind, modelRolloutKind, failoverDrillKind]) {
    const crd = stringify(customResourceDefinition(definition), {
      lineWidth: 0,
      aliasDuplicateObjects: false,
    });
    files.set(`crds/${API_GROUP}_${definition.plural}.yaml`, NOTICE + crd);
    files.set(`charts/petrel/templates/crds/${definition.plural}.yaml`, chartTemplate(crd));
    files.set(`docs/reference/${definition.singular}.md`, referencePage(definition));
  }
  for (const [name, dashboard] of DASHBOARDS) {
    files.set(`charts/petrel/dashboards/${name}.json`, `${JSON.stringify(dashboard, undefined, 2)}\n`);
  }
  files.set("docs/metrics.md", metricsPage());
  return files;
}
