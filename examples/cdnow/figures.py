"""How good a prediction is: ranking (AUC), and probabilities (log-loss and Brier score)."""

import numpy as np


def auc(scores, labels):
    """Area under the ROC curve (Mann-Whitney): ties count one half. Needs both labels."""
    _, group, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[group]
    positives = labels.sum()
    negatives = len(labels) - positives
    return (rank[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)


def auc_difference(scores, other_scores, labels):
    """AUC of `scores` less that of `other_scores` on the same examples, and its standard error (E. R. DeLong,
    D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44, 1988)."""
    of_positives, of_negatives = (
        ours - others for ours, others in zip(placements(scores, labels), placements(other_scores, labels), strict=True)
    )
    variance = of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
    return {"difference": round(float(of_positives.mean()), 8), "standardError": round(float(np.sqrt(variance)), 8)}


def placements(scores, labels):
    """For each positive the share of negatives below it, for each negative the share of positives above it;
    both in the order of the examples, so that those of two models can be paired."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    return share_below(positives, negatives), 1 - share_below(negatives, positives)


def share_below(values, others):
    """For each value the share of the others below it; ties count one half."""
    others = np.sort(others)
    return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / (2 * len(others))


def log_loss(probabilities, labels):
    """Mean negative log-likelihood, in nats."""
    return -np.mean(labels * np.log(probabilities) + (1 - labels) * np.log1p(-probabilities))


def brier_score(probabilities, labels):
    """Mean squared error of the probabilities."""
    return np.mean((probabilities - labels) ** 2)


def all_figures(probabilities, labels):
    """All of them, rounded far finer than they are known and far coarser than rounding errors."""
    return {
        "auc": round(float(auc(probabilities, labels)), 8),
        "logLoss": round(float(log_loss(probabilities, labels)), 8),
        "brier": round(float(brier_score(probabilities, labels)), 8),
        "meanScore": round(float(np.mean(probabilities)), 8),
    }
