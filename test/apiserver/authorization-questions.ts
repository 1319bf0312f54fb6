/**
 * Questions to the authorizer of a real kube-apiserver: may this user do that? Many in one call, so that a test
 * can ask about everything that must be refused and not only about what must be allowed.
 */
import type { ControlPlane } from "../../e2e/cluster/index.ts";

/** One question: `VERB RESOURCE[.GROUP][/SUBRESOURCE] [NAME]`. */
export type Question = string;

/** What is allowed: `RESOURCE[.GROUP][/SUBRESOURCE]` -> verbs, with a space between two and in the order of {@link verbs}. */
export type Rights = Readonly<Record<string, string>>;

const verbs = [
  ...["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"],
  ...["bind", "escalate", "impersonate"],
];

/** Every verb on each of the resources. */
export function questionsAbout(resources: readonly string[]): readonly Question[] {
  return resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`));
}

/** The questions that must be answered with yes under these rights. */
export function questionsOf(rights: Rights): readonly Question[] {
  return Object.entries(rights).flatMap(([resource, list]) =>
    list.split(" ").map((verb) => `${verb} ${resource}`),
  );
}

function subjectAccessReview(question: Question, user: string, namespace: string) {
  const [verb, target = "", name] = question.split(" ");
  const [dotted = "", subresource] = target.split("/");
  const [resource, ...group] = dotted.split(".");
  return {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user,
      groups: ["system:authenticated"],
      resourceAttributes: { namespace, verb, group: group.join("."), resource, subresource, name },
    },
  };
}

/** Those of the questions that the API server answers with yes, in their order. */
export async function allowedQuestions(
  controlPlane: ControlPlane,
  questions: readonly Question[],
  user: string,
  namespace: string,
): Promise<readonly Question[]> {
  const items = questions.map((question) => subjectAccessReview(question, user, namespace));
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const output = '--output=jsonpath={.status.allowed}{"\\n"}';
  const said = await controlPlane.kubectl(["create", "--filename=-", output], { input });
  const answers = said.trim().split("\n");
  if (answers.length !== questions.length) {
    throw new Error(`asked ${questions.length} questions and got ${answers.length} answers`);
  }
  return questions.filter((_question, index) => answers[index] === "true");
}
