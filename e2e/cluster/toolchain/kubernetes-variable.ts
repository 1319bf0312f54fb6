/**
 * How a run is told which Kubernetes to test on. By itself, for `npm test` sets it and loads no cluster.
 */

/** Environment variable with the minor version of a Kubernetes to test on, where it is not the one of every run. */
export const KUBERNETES_VARIABLE = "PETREL_TEST_KUBERNETES";
