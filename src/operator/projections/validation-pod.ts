/**
 * What a pod of a validation tells: the report that its container left, or why there is none.
 *
 * Whoever may write such a pod may say anything: what is not a report by its schema is none.
 */
import { Compile } from "typebox/compile";
import { asList, asNumber, asString, parseJson, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { COMPONENT, CONTAINER, LABEL } from "../../api/names.ts";
import { validationReportSchema } from "../../api/validation-report.ts";
import { reportedMessage } from "../../core/conditions/condition-words.ts";
import type { ObservedValidation } from "../../core/observation.ts";
import { podTrouble } from "../../core/pods/pod-trouble.ts";

const reportCheck = Compile(validationReportSchema);

/** Kubernetes' own label with the name of the Job. */
const JOB_LABEL = "batch.kubernetes.io/job-name";

/** A pod of a validation; undefined for any other. */
export function projectValidationPod(pod: KubeObject): ObservedValidation | undefined {
  const labels = pod.metadata.labels ?? {};
  const job = labels[JOB_LABEL];
  if (labels[LABEL.component] !== COMPONENT.validation || job === undefined) return undefined;
  const evaluated = containerEnd(pod, "containerStatuses", CONTAINER.evaluate);
  const told = parseJson(evaluated?.message ?? "");
  if (reportCheck.Check(told)) return { job, report: told };
  const problem = asString(valueAt(told, "problem")) ?? whyEnded(pod, evaluated);
  if (problem !== undefined) return { job, problem: reportedMessage(problem) };
  const trouble = podTrouble(pod);
  return { job, ...(trouble === undefined ? {} : { trouble: reportedMessage(trouble.message) }) };
}

interface ContainerEnd {
  readonly name: string;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
}

function containerEnds(pod: KubeObject, field: string): readonly ContainerEnd[] {
  return asList(valueAt(pod, "status", field)).flatMap((container) => {
    const terminated = valueAt(container, "state", "terminated");
    const exitCode = asNumber(valueAt(terminated, "exitCode"));
    if (exitCode === undefined) return [];
    const text = (name: string) => asString(valueAt(terminated, name)) ?? "";
    const name = asString(valueAt(container, "name")) ?? "";
    return [{ name, exitCode, reason: text("reason"), message: text("message") }];
  });
}

function containerEnd(pod: KubeObject, field: string, name: string): ContainerEnd | undefined {
  return containerEnds(pod, field).find((end) => end.name === name);
}

/** Why a pod without a report has ended; undefined while it has not. */
function whyEnded(pod: KubeObject, evaluated: ContainerEnd | undefined): string | undefined {
  const failed = containerEnds(pod, "initContainerStatuses").find(({ exitCode }) => exitCode !== 0);
  const ended = failed ?? evaluated;
  const phase = asString(valueAt(pod, "status", "phase"));
  if (ended === undefined) {
    if (phase !== "Failed") return undefined;
    // Evicted, or its node is gone.
    return (
      ["reason", "message"].flatMap((name) => asString(valueAt(pod, "status", name)) ?? []).join(": ") ||
      "its pod failed"
    );
  }
  const told = asString(valueAt(parseJson(ended.message), "message"));
  return `${ended.name}: ${told ?? `${ended.reason || "it ended"}, exit code ${ended.exitCode}, without a result`}`;
}
