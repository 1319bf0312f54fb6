/**
 * What `helm test` runs, in the Petrel image: all operators are ready and one of them leads; the API server knows
 * ModelDeployments, fills in their defaults and refuses a wrong one. It stores nothing.
 */
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";

const DEADLINE = Date.now() + 45_000;
const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const { OPERATORS_HOST, OPERATORS_COUNT, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = process.env;

async function operators() {
  const found = await lookup(OPERATORS_HOST, { all: true, family: 0 });
  if (found.length !== Number(OPERATORS_COUNT)) {
    throw new Error(`expected ${OPERATORS_COUNT} operators, found ${found.length} at ${OPERATORS_HOST}`);
  }
  return found.map(({ address, family }) => `http://${family === 6 ? `[${address}]` : address}:8080`);
}

async function textOf(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: status ${response.status}: ${text}`);
  return text;
}

async function allOperatorsAreReadyAndOneLeads() {
  const urls = await operators();
  await Promise.all(urls.map((url) => textOf(`${url}/readyz`)));
  const metrics = await Promise.all(urls.map((url) => textOf(`${url}/metrics`)));
  const leaders = metrics.filter((text) => /^leader_election_master_status(\{.*\})? 1$/m.test(text));
  if (leaders.length !== 1) throw new Error(`expected one operator to lead, found ${leaders.length}`);
}

async function dryRun(spec) {
  const namespace = readFileSync(`${account}/namespace`, "utf8");
  const host = KUBERNETES_SERVICE_HOST.includes(":")
    ? `[${KUBERNETES_SERVICE_HOST}]`
    : KUBERNETES_SERVICE_HOST;
  const path = `apis/petrel.dev/v1alpha1/namespaces/${namespace}/modeldeployments?dryRun=All&fieldValidation=Strict`;
  const response = await fetch(`https://${host}:${KUBERNETES_SERVICE_PORT}/${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${readFileSync(`${account}/token`, "utf8")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      apiVersion: "petrel.dev/v1alpha1",
      kind: "ModelDeployment",
      metadata: { generateName: "helm-test-" },
      spec,
    }),
    signal: AbortSignal.timeout(5_000),
  });
  return { status: response.status, body: await response.json() };
}

const model = { uri: "https://models.example.com/model.onnx", digest: `sha256:${"0".repeat(64)}` };

async function modelDeploymentsAreKnown() {
  const { status, body } = await dryRun({ model });
  if (status !== 201) throw new Error(`a ModelDeployment is not accepted: ${status}: ${body.message}`);
  if (body.spec.replicas !== 1) throw new Error(`defaults are not filled in: ${JSON.stringify(body.spec)}`);
}

async function wrongModelDeploymentsAreRefused() {
  const { status, body } = await dryRun({ model: { ...model, digest: "latest" } });
  if (status !== 422) throw new Error(`a wrong digest is not refused: ${status}: ${JSON.stringify(body)}`);
}

/** Right after an installation an operator may still be starting. */
async function untilItHolds(check) {
  for (;;) {
    try {
      await check();
      console.log(`ok: ${check.name}`);
      return;
    } catch (error) {
      if (Date.now() > DEADLINE) throw new Error(`${check.name}: ${error.message}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

for (const check of [
  allOperatorsAreReadyAndOneLeads,
  modelDeploymentsAreKnown,
  wrongModelDeploymentsAreRefused,
]) {
  await untilItHolds(check);
}
