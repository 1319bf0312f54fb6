"""The model card, written from the same figures as metrics.json, so that the two cannot differ."""

from features import FEATURES

CARD = """# CDNOW: will this customer buy again?

Small models for one contract, trained on real purchase histories of an online shop. Written by
`examples/cdnow/train.py` together with the models; the figures here are those of `metrics.json`.

**Contract.** Input `features`, FP32 `[-1, {width}]`; output `score`, FP32 `[-1, 1]`: the probability that the
customer buys again within the next {label_days} days. Normalisation is inside the graph: features are given
raw, in this order, none negative (what is negative counts as 0).

{features}

{models}

Measured on {held_out_customers:,} held-out customers, {held_out_positives} of whom bought again ({held_out_share:.1%}).
Differences in AUC are with their standard errors (DeLong).

## Digests

{digests}

## Data

CDNOW, an online shop for music: {orders:,} orders of {customers:,} customers, all who bought first in the
first quarter of 1997, followed to the end of June 1998. The file is `lifetimes/datasets/CDNOW_master.txt` of
the PyPI package `lifetimes` 0.11. That package is under the MIT License, Copyright (c) 2015, Cameron
Davidson-Pilon, and says nothing of its own about the data, which are widely used in research on repeat
buying (P. S. Fader and B. G. S. Hardie). Only the derived models and {rows} rows of features without
customer ids are kept here.

**Split by time and by customer.** Features know the orders up to a day, the cut; the label is whether an order
follows within the {label_days} days after it. Training uses {training_examples:,} examples of
{training_customers:,} customers at {training_cuts} cuts, four weeks apart, the last on {last_training_cut}, so that no
training label reaches past {held_out_cut}. The figures are of the other customers (one in five, by a hash of the
id) at the cut of {held_out_cut}, whose labels reach to {last_day}. The number of hidden units
(of 32, 64, 128 and 256) and the penalty were chosen by AUC on training customers at the cut of
{last_training_cut}, trained on earlier cuts. The choice matters little: held-out AUC of the others was within 0.002.

**Limits.** One shop, one cohort, 1997 and 1998: good to show a release, not to run a shop. Tenure at the cut of
the figures is longer than any in training; no season is known to the models.

`rows.json`, and `rows.csv` alike, hold {rows} of the held-out customers (the first by the hash of their id) with what
they did; `metrics.json` holds the figures in full, and each model's scores of these rows.

## Train again

CPython 3.11 or later (tested: 3.11 on x86-64):

```sh
cd examples/cdnow
python3 -m venv .cache/venv
.cache/venv/bin/pip install --no-deps --require-hashes --requirement requirements.txt
.cache/venv/bin/python train.py --output ../models/cdnow
```

The same bytes come out each time: hidden units are fixed, the fitted layer has one optimum, and weights are
rounded to multiples of 2^-14, where different BLAS kernels differed by 10^-12. `examples/cdnow/verify.sh`
trains twice, with different kernels and thread counts, and compares with what is here.
"""

DESCRIPTIONS = {
    "1": "logistic regression on all features",
    "2": "one hidden layer of {units} ReLU units",
    "small": "logistic regression on recency and number of orders, for the CPU pool",
    "shuffled": "as `1`, trained on labels in random order: a release to be caught",
}


def model_card(metrics, hidden_units):
    """The card as Markdown."""
    constant = metrics["constant"]
    models = [
        ["model", "what it is", "bytes", "AUC", "AUC less that of `1`", "log-loss", "Brier"],
        *(
            [f"`{name}`", DESCRIPTIONS[name].format(units=hidden_units[name]), f"{model['sizeBytes']:,}"]
            + figures_text(model["heldOut"], difference_text(model))
            for name, model in metrics["models"].items()
        ),
        ["(constant)", "the share of buyers in training, for everyone", "", *figures_text(constant, "")],
    ]
    features = [["#", "feature", "meaning"]]
    features += [[str(index), f"`{name}`", meaning] for index, (name, meaning) in enumerate(FEATURES)]
    digests = [f"- `{model['file']}`: `{model['digest']}`" for model in metrics["models"].values()]
    data = metrics["data"]
    return CARD.format(
        width=len(FEATURES),
        label_days=data["labelDays"],
        features=table(features),
        models=table(models),
        digests="\n".join(digests),
        rows=data["rows"],
        orders=data["orders"],
        customers=data["customers"],
        held_out_customers=data["heldOutCustomers"],
        held_out_positives=data["heldOutPositives"],
        held_out_share=data["heldOutPositives"] / data["heldOutCustomers"],
        held_out_cut=data["heldOutCut"],
        last_day=data["lastDay"],
        training_examples=data["trainingExamples"],
        training_customers=data["trainingCustomers"],
        training_cuts=len(data["trainingCuts"]),
        last_training_cut=data["trainingCuts"][0],
    )


def difference_text(model):
    """Empty for the model that the others are compared with."""
    difference, error = model["heldOut"]["aucAgainst1"].values()
    return "" if error == 0 else f"{difference:+.4f} ± {error:.4f}"


def figures_text(figures, difference):
    return [f"{figures['auc']:.4f}", difference, f"{figures['logLoss']:.4f}", f"{figures['brier']:.4f}"]


def table(rows):
    """A Markdown table with aligned columns; the first row is its head."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])
