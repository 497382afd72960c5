#!/usr/bin/env python3
"""Distances between two small sets of features, by SciPy and scikit-learn, for
`crates/train/tests/training/distances.rs`.

Needs numpy, scipy and scikit-learn: `pip install numpy scipy scikit-learn`; writes its files next to itself.
"""

import json
from pathlib import Path

import numpy as np
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

WIDTH = 10
GROUPS = 12


def mmd2(x, y):
    """The unbiased squared discrepancy; scikit-learn's kernel is that of KID with these arguments."""
    k = lambda a, b: polynomial_kernel(a, b, degree=3, gamma=1 / WIDTH, coef0=1)
    different = lambda a: k(a, a)[~np.eye(len(a), dtype=bool)].mean()
    return different(x) + different(y) - 2 * k(x, y).mean()


def frechet(x, y):
    c, d = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    way = x.mean(0) - y.mean(0)
    return way @ way + np.trace(c + d - 2 * sqrtm(c @ d).real)


def jackknife(measure, x, y, x_groups, y_groups):
    """The standard error from leaving out each group of both samples."""
    without = np.array([measure(x[x_groups != g], y[y_groups != g]) for g in range(GROUPS)])
    return np.sqrt((GROUPS - 1) / GROUPS * ((without - without.mean()) ** 2).sum())


def main():
    rng = np.random.default_rng(16)
    mix = rng.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    x_groups, y_groups = rng.integers(0, GROUPS, 70), rng.integers(0, GROUPS, 55)
    # Every group must occur in both, or the two would number them differently.
    x_groups[:GROUPS] = y_groups[:GROUPS] = np.arange(GROUPS)
    of_group = rng.normal(size=(GROUPS, WIDTH))
    x = (rng.normal(size=(70, WIDTH)) + of_group[x_groups]).astype(np.float32)
    y = (rng.normal(size=(55, WIDTH)) @ mix + of_group[y_groups] + 0.3).astype(np.float32)
    folder = Path(__file__).parent
    np.save(folder / "one.npy", x)
    np.save(folder / "other.npy", y)
    x, y = x.astype(np.float64), y.astype(np.float64)
    expected = {"one_groups": x_groups.tolist(), "other_groups": y_groups.tolist()}
    for name, measure in [("mmd2", mmd2), ("frechet", frechet)]:
        expected[name] = {
            "value": float(measure(x, y)),
            "error": float(jackknife(measure, x, y, x_groups, y_groups)),
            "same": float(measure(x, x)),
        }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
