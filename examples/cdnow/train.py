"""Trains the example models and writes them with their rows, figures and card. See ../models/cdnow/README.md.

    python train.py --output DIRECTORY
"""

import argparse
import hashlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import onnxruntime

from card import model_card
from features import FEATURES, LABEL_DAYS, examples_at
from figures import all_figures, auc, auc_difference
from formatted_json import json_bytes
from graph import onnx_bytes
from network import fit, shuffled
from orders import FIRST_DAY, day_of, hash_of, is_held_out, load_orders

LAST_DAY = day_of("19980630")
HELD_OUT_CUT = LAST_DAY - LABEL_DAYS
# Training labels end where the held-out labels begin; every customer has bought first by day 90.
TRAINING_CUTS = range(HELD_OUT_CUT - LABEL_DAYS, 90, -28)
ROWS = 40

FEATURE_NAMES = [name for name, _ in FEATURES]
RECENCY_AND_FREQUENCY = [FEATURE_NAMES.index("days_since_last_order"), FEATURE_NAMES.index("orders")]
ALL_FEATURES = list(range(len(FEATURES)))
# Name of the version: inputs, hidden units.
MODELS = {
    "1": (ALL_FEATURES, 0),
    "2": (ALL_FEATURES, 128),
    "small": (RECENCY_AND_FREQUENCY, 0),
    "shuffled": (ALL_FEATURES, 0),
}


def main():
    parser = argparse.ArgumentParser(description="Trains the CDNOW example models.")
    parser.add_argument("--output", type=Path, required=True, help="directory to write to")
    output = parser.parse_args().output

    orders = load_orders()
    training = [examples_of(orders, cut, held_out=False) for cut in TRAINING_CUTS]
    features = np.concatenate([features for _, features, _ in training])
    labels = np.concatenate([labels for _, _, labels in training])
    customers, held_out_features, held_out_labels = examples_of(orders, HELD_OUT_CUT, held_out=True)
    first_rows = np.argsort([hash_of(customer) for customer in customers])[:ROWS]

    models, all_scores = {}, {}
    for name, (inputs, hidden_units) in MODELS.items():
        network = fit(features, shuffled(labels) if name == "shuffled" else labels, inputs, hidden_units)
        model = onnx_bytes(network, name, FEATURE_NAMES)
        scores = all_scores[name] = network.probabilities(held_out_features)
        check_onnx_runtime(name, model, held_out_features, scores, held_out_labels)
        write(output / name / "model.onnx", model)
        models[name] = {
            "file": f"{name}/model.onnx",
            "digest": f"sha256:{hashlib.sha256(model).hexdigest()}",
            "sizeBytes": len(model),
            "heldOut": all_figures(scores, held_out_labels)
            | {"aucAgainst1": auc_difference(scores, all_scores["1"], held_out_labels)},
            "rows": {
                "auc": round(float(auc(scores[first_rows], held_out_labels[first_rows])), 8),
                "scores": [round(float(score), 6) for score in scores[first_rows]],
            },
        }

    constant = all_figures(np.full(len(held_out_labels), labels.mean()), held_out_labels)
    metrics = {
        "data": {
            "orders": len(orders),
            "customers": len(np.unique(orders[:, 0])),
            "labelDays": LABEL_DAYS,
            "trainingCuts": [date_text(cut) for cut in TRAINING_CUTS],
            "trainingExamples": len(labels),
            "trainingCustomers": len(np.unique(np.concatenate([customers for customers, _, _ in training]))),
            "trainingPositives": int(labels.sum()),
            "heldOutCut": date_text(HELD_OUT_CUT),
            "heldOutCustomers": len(customers),
            "heldOutPositives": int(held_out_labels.sum()),
            "lastDay": date_text(LAST_DAY),
            "rows": ROWS,
        },
        "constant": constant,
        "models": models,
    }
    write(output / "metrics.json", json_bytes(metrics))
    rows = rows_of(held_out_features[first_rows], held_out_labels[first_rows])
    write(output / "rows.json", json_bytes(rows))
    write(output / "rows.csv", csv_of(rows).encode())
    hidden_units = {name: units for name, (_, units) in MODELS.items()}
    write(output / "README.md", model_card(metrics, hidden_units).encode())


def examples_of(orders, cut, held_out):
    """The examples at a cut of one side of the split by customer."""
    customers, features, labels = examples_at(orders, cut)
    chosen = np.array([is_held_out(customer) == held_out for customer in customers])
    return customers[chosen], features[chosen], labels[chosen]


def check_onnx_runtime(name, model, features, scores, labels):
    """Figures are of the float64 arithmetic, alike everywhere; they count only if ONNX Runtime agrees."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (served,) = session.run(["score"], {"features": features})
    difference = np.abs(served[:, 0] - scores).max()
    of_auc = abs(auc(served[:, 0], labels) - auc(scores, labels))
    print(f"{name}: ONNX Runtime differs by {difference:.1e} in the score, {of_auc:.1e} in AUC")
    if difference > 1e-5 or of_auc > 1e-5:
        raise SystemExit(f"model {name}: expected ONNX Runtime to agree within 1e-5")


def rows_of(features, labels):
    """The rows without customers. FP32 in its shortest decimal form, which reads back as the same FP32."""
    rows = [
        {"features": [float(str(value)) for value in row], "buysAgain": int(label)}
        for row, label in zip(features, labels, strict=True)
    ]
    return {"features": FEATURE_NAMES, "rows": rows}


def csv_of(rows):
    """The same rows as comma-separated values; what happened is the last column."""
    lines = [[*rows["features"], "buysAgain"]]
    lines += [[*row["features"], row["buysAgain"]] for row in rows["rows"]]
    return "".join(",".join(str(cell) for cell in line) + "\n" for line in lines)


def date_text(day):
    return (FIRST_DAY + timedelta(days=int(day))).isoformat()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
