"""The form of all models, as plain arithmetic: log(1 + x), standardised, an optional hidden layer of
ReLU units, a logistic output.

Hidden units are fixed and only the output layer is fitted, with a penalty: its optimum is unique, and all
weights are rounded to a grid far coarser than rounding errors. So the same data give the same bytes, whatever
the processor and its BLAS kernels; a network trained by gradient descent would not.
"""

from dataclasses import dataclass

import numpy as np

GRID = 2.0**14
RIDGE = 100.0


def on_grid(values):
    """Rounds to multiples of 2^-14: exact in FP32 for magnitudes below 1,024."""
    return np.rint(np.asarray(values) * GRID) / GRID


@dataclass(frozen=True)
class Network:
    """Weights in float64, all on the grid. Without hidden units the standardised inputs feed the output."""

    inputs: tuple  # indices of the features used
    mean: np.ndarray
    scale: np.ndarray
    hidden_weights: np.ndarray | None  # (inputs, units)
    hidden_bias: np.ndarray | None
    output_weights: np.ndarray
    output_bias: float

    def logits(self, features):
        return self.hidden(features) @ self.output_weights + self.output_bias

    def probabilities(self, features):
        return 1 / (1 + np.exp(-self.logits(features)))

    def hidden(self, features):
        x = np.log1p(np.maximum(features[:, self.inputs].astype(np.float64), 0))
        x = (x - self.mean) * self.scale
        if self.hidden_weights is None:
            return x
        return np.maximum(x @ self.hidden_weights + self.hidden_bias, 0)


def fit(features, labels, inputs, hidden_units):
    """Fits a network: normalisation from the data, hidden units as `fixed_units` lays them, then the output."""
    x = np.log1p(features[:, inputs].astype(np.float64))
    mean = on_grid(x.mean(axis=0))
    scale = on_grid(1 / x.std(axis=0))
    standardised = (x - mean) * scale
    hidden_weights, hidden_bias = (None, None)
    if hidden_units > 0:
        hidden_weights, hidden_bias = fixed_units(standardised, hidden_units)
    network = Network(tuple(inputs), mean, scale, hidden_weights, hidden_bias, np.zeros(0), 0.0)
    weights, bias = fit_logistic(network.hidden(features), labels)
    return Network(tuple(inputs), mean, scale, hidden_weights, hidden_bias, on_grid(weights), float(on_grid(bias)))


def fixed_units(standardised, units):
    """Hidden units: each input itself in both signs, then random directions that bend within the data."""
    inputs = standardised.shape[1]
    random = Lehmer(20_260_401)
    weights = [sign * column for column in np.eye(inputs) for sign in (1.0, -1.0)]
    bias = [0.0] * len(weights)
    while len(weights) < units:
        direction = np.zeros(inputs)
        for _ in range(1 + random.below(3)):
            direction[random.below(inputs)] = (random.below(4097) - 2048) / 2048
        # The bend is at the place of one example: dense where the data are.
        example = standardised[random.below(len(standardised))]
        weights.append(on_grid(direction))
        bias.append(float(on_grid(-(example @ direction))))
    return np.column_stack(weights), np.array(bias)


def fit_logistic(x, labels):
    """Logistic regression with an L2 penalty on all but the bias, by Newton's method, to convergence."""
    centre = x.mean(axis=0)
    spread = np.maximum(x.std(axis=0), 1e-3)
    design = np.column_stack([(x - centre) / spread, np.ones(len(x))])
    penalty = np.full(design.shape[1], RIDGE)
    penalty[-1] = 0
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(design @ beta)))
        gradient = design.T @ (labels - p) - penalty * beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-12:
            weights = beta[:-1] / spread
            return weights, beta[-1] - centre @ weights
    raise SystemExit(f"expected Newton's method to converge within 50 steps, last step {np.abs(step).max()}")


def shuffled(labels):
    """The labels in an order that has nothing to do with the examples (Fisher and Yates)."""
    random = Lehmer(20_260_402)
    mixed = labels.copy()
    for last in range(len(mixed) - 1, 0, -1):
        other = random.below(last + 1)
        mixed[last], mixed[other] = mixed[other], mixed[last]
    return mixed


class Lehmer:
    """The generator of Lehmer with the multiplier of Park and Miller: the same on any machine and version."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        """A whole number of [0, bound)."""
        self.state = self.state * 48_271 % 2_147_483_647
        return self.state * bound // 2_147_483_647
