"""What a model sees of a customer at the end of a day, and what it should have foretold.

Features come from orders up to and including that day, the label from the 13 weeks after it. No feature is
negative, and none is scaled here: normalisation is a part of the model's graph.
"""

import numpy as np

LABEL_DAYS = 91
RECENT_DAYS = 91

FEATURES = (
    ("days_since_last_order", "days from the last order to the cut"),
    ("days_since_first_order", "days from the first order to the cut (tenure)"),
    ("days_between_orders", "mean days between two orders; 0 with one order"),
    ("orders", "number of orders"),
    ("orders_last_91_days", "of these, in the last 91 days"),
    ("orders_previous_91_days", "of these, in the 91 days before (with the one above: the trend)"),
    ("order_days", "number of different days with an order"),
    ("cds", "number of CDs bought"),
    ("spend", "US dollars in all"),
    ("spend_last_91_days", "of these, in the last 91 days"),
    ("mean_order_value", "US dollars an order"),
    ("last_order_value", "US dollars of the last order"),
)


def examples_at(orders, cut):
    """Returns (customers, features, labels) for every customer with an order up to the day `cut`.

    `orders` as from load_orders: sorted by customer and day. Labels are 1 for a customer who buys again in
    the LABEL_DAYS after the cut, else 0.
    """
    after = orders[(orders[:, 1] > cut) & (orders[:, 1] <= cut + LABEL_DAYS)]
    seen = orders[orders[:, 1] <= cut]
    customers, first_index, group, count = np.unique(
        seen[:, 0], return_index=True, return_inverse=True, return_counts=True
    )
    last_index = first_index + count - 1
    day, cds, dollars = seen[:, 1], seen[:, 2], seen[:, 3]
    age = cut - day
    recent = age < RECENT_DAYS
    previous = (age >= RECENT_DAYS) & (age < 2 * RECENT_DAYS)
    new_day = np.ones(len(seen), dtype=bool)
    new_day[1:] = (seen[1:, 0] != seen[:-1, 0]) | (day[1:] != day[:-1])

    def total(values):
        return np.bincount(group, weights=values, minlength=len(customers))

    # Whole cents are exact in any order of adding; dollars are not.
    cents = np.rint(dollars * 100)
    spend = total(cents) / 100
    span = day[last_index] - day[first_index]
    columns = {
        "days_since_last_order": age[last_index],
        "days_since_first_order": age[first_index],
        "days_between_orders": span / np.maximum(count - 1, 1),
        "orders": count,
        "orders_last_91_days": total(recent),
        "orders_previous_91_days": total(previous),
        "order_days": total(new_day),
        "cds": total(cds),
        "spend": spend,
        "spend_last_91_days": total(cents * recent) / 100,
        "mean_order_value": spend / count,
        "last_order_value": dollars[last_index],
    }
    features = np.column_stack([columns[name] for name, _ in FEATURES]).astype(np.float32)
    return customers, features, np.isin(customers, after[:, 0]).astype(np.float64)
