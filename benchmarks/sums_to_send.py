"""Sums that :mod:`reduction_tree` sends: workers import what they call, and know no script."""

from __future__ import annotations

import numpy as np


def in_place(total: np.ndarray, more: np.ndarray) -> np.ndarray:
    total += more
    return total


def filled(megabytes: int) -> np.ndarray:
    return np.full((megabytes * 125_000,), 1.0)


def small(number: int) -> np.ndarray:
    return filled(1)


def medium(number: int) -> np.ndarray:
    return filled(32)
