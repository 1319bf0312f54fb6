"""Writes all held-out customers as CSV to standard output: what `petrel evaluate` reads. See docs/evaluation.md.

    python held_out.py > held-out.csv

One row for each customer, in the order of the hash of their ids, which are left out.
"""

import sys

import numpy as np

from orders import hash_of, load_orders
from train import HELD_OUT_CUT, csv_of, examples_of, rows_of

if __name__ == "__main__":
    customers, features, labels = examples_of(load_orders(), HELD_OUT_CUT, held_out=True)
    order = np.argsort([hash_of(customer) for customer in customers])
    sys.stdout.write(csv_of(rows_of(features[order], labels[order])))
