/**
 * Where each file of Envoy's configuration lies, and the names of the resources inside.
 *
 * Names of Kubernetes objects never contain `_`, so it joins parts without collisions; and no part contains
 * a dot, at which Envoy's metrics would be cut. Resources that one ModelDeployment alone needs lie in
 * files of their own wherever Envoy allows it, so that one bad file hurts nobody else.
 */

import type { Credential } from "../../api/credential.ts";
import { CREDENTIAL_DIRECTORY, credentialPath } from "../credential-files.ts";

/** Files in the directory that the router and Envoy share. */
export interface ConfigurationLayout {
  readonly bootstrap: string;
  /** The plans in effect, as the router notes them for its next run. Envoy does not read it. */
  readonly plans: string;
  /** Listeners of all ModelDeployments. Envoy reads them from one file only. */
  readonly listeners: string;
  /** Clusters of all ModelDeployments. Envoy reads them from one file only. */
  readonly clusters: string;
  /** Directory of the route files. */
  readonly routeDirectory: string;
  /** Directory of the endpoint files. */
  readonly endpointDirectory: string;
  /** Directory of the files that tell where certificates lie. */
  readonly secretDirectory: string;
  /** Folder of the Secrets and ConfigMaps, which the kubelet changes as a whole. */
  readonly credentialDirectory: string;
  /** Access log of answers that are counted; absent where nothing is. Envoy writes it, the router moves it away. */
  readonly accessLog?: string;
  /** File that tells where a certificate lies, by its name in Envoy. */
  secrets(name: string): string;
  /** File of a key of a Secret or ConfigMap. */
  credential(credential: Credential): string;
  /** Routes of one ModelDeployment. */
  routes(modelDeployment: string): string;
  /** Endpoints of one cluster. */
  endpoints(cluster: string): string;
}

/** The access log in its directory. */
export function accessLogIn(directory: string): string {
  return `${directory}/access.log`;
}

/** The layout below a directory. */
export function configurationLayout(
  directory: string,
  credentialDirectory: string = CREDENTIAL_DIRECTORY,
  accessLogDirectory?: string,
): ConfigurationLayout {
  const secretDirectory = `${directory}/secrets`;
  const routeDirectory = `${directory}/routes`;
  const endpointDirectory = `${directory}/endpoints`;
  return {
    bootstrap: `${directory}/bootstrap.json`,
    plans: `${directory}/plans.json`,
    listeners: `${directory}/listeners.json`,
    clusters: `${directory}/clusters.json`,
    routeDirectory,
    endpointDirectory,
    secretDirectory,
    credentialDirectory,
    ...(accessLogDirectory === undefined ? {} : { accessLog: accessLogIn(accessLogDirectory) }),
    secrets: (name) => `${secretDirectory}/${name}.json`,
    credential: (credential) => `${credentialDirectory}/${credentialPath(credential)}`,
    routes: (modelDeployment) => `${routeDirectory}/${modelDeployment}.json`,
    endpoints: (cluster) => `${endpointDirectory}/${cluster}.json`,
  };
}
