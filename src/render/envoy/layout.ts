/**
 * Where each file of Envoy's configuration lies, and the names of the resources inside.
 *
 * Names of Kubernetes objects never contain `_`, so it joins parts without collisions; and no part contains
 * a dot, at which Envoy's metrics would be cut. Resources that one ModelDeployment alone needs lie in
 * files of their own wherever Envoy allows it, so that one bad file hurts nobody else.
 */

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
  /** Routes of one ModelDeployment. */
  routes(modelDeployment: string): string;
  /** Endpoints of one cluster. */
  endpoints(cluster: string): string;
}

/** The layout below a directory. */
export function configurationLayout(directory: string): ConfigurationLayout {
  const routeDirectory = `${directory}/routes`;
  const endpointDirectory = `${directory}/endpoints`;
  return {
    bootstrap: `${directory}/bootstrap.json`,
    plans: `${directory}/plans.json`,
    listeners: `${directory}/listeners.json`,
    clusters: `${directory}/clusters.json`,
    routeDirectory,
    endpointDirectory,
    routes: (modelDeployment) => `${routeDirectory}/${modelDeployment}.json`,
    endpoints: (cluster) => `${endpointDirectory}/${cluster}.json`,
  };
}
