"""The order histories: read from the PyPI package `lifetimes`, whose file they are, without importing it.

Everything is in days since 1 January 1997, the first day of the data. Customers are split by a hash of
their id, so that a customer is held out for ever, whatever is trained and in whatever order.
"""

import hashlib
import importlib.util
from datetime import date
from pathlib import Path

import numpy as np

FIRST_DAY = date(1997, 1, 1)
EXPECTED_ORDERS = 69_659
EXPECTED_CUSTOMERS = 23_570
HELD_OUT_ONE_IN = 5


def load_orders():
    """Returns an array of orders (customer, day, cds, dollars), by customer and then in the order of the file."""
    package = importlib.util.find_spec("lifetimes")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("expected the package lifetimes 0.11.0 (see requirements.txt), found none")
    path = Path(package.submodule_search_locations[0]) / "datasets" / "CDNOW_master.txt"
    rows = [line.split() for line in path.read_text("ascii").splitlines()[1:] if line.strip()]
    orders = np.array([(int(customer), day_of(day), int(cds), float(dollars)) for customer, day, cds, dollars in rows])
    customers = len(np.unique(orders[:, 0]))
    if (len(orders), customers) != (EXPECTED_ORDERS, EXPECTED_CUSTOMERS):
        raise SystemExit(
            f"expected {EXPECTED_ORDERS} orders of {EXPECTED_CUSTOMERS} customers in {path},"
            f" found {len(orders)} of {customers}"
        )
    return orders[np.lexsort((np.arange(len(orders)), orders[:, 1], orders[:, 0]))]


def day_of(text):
    """Day number of a date such as 19970131."""
    return (date(int(text[:4]), int(text[4:6]), int(text[6:])) - FIRST_DAY).days


def hash_of(customer):
    """A hash of a customer's id: decides who is held out, and in which order customers are listed."""
    return int.from_bytes(hashlib.sha256(f"cdnow:{int(customer)}".encode()).digest()[:8], "big")


def is_held_out(customer):
    """Whether a customer is kept from all training."""
    return hash_of(customer) % HELD_OUT_ONE_IN == 0
