"""Events of an empty run that are turned with the sample, one by one from the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.testing import assert_allclose

from ewaldite.kernels import cut_background as kernel
from kernels.cuda.cuts import K2, tables
from kernels.plain_cut import masked, neutron

SIZE = 30
READINGS = 6


def made(cut: Any, n: int = 250, seed: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    pixels = cut["pixel"].table.shape[0]
    return {
        "pixel": rng.integers(0, pixels, n),
        "k_i": rng.uniform(1.05, 1.65, n),
        "reading": np.sort(rng.integers(0, READINGS, n)),
        "per_count": rng.uniform(0.01, 0.03, READINGS),
        "relative": rng.uniform(1e-3, 1e-2, READINGS),
        "factor": rng.uniform(0.5, 1.0, pixels),
    }


def turned(cut: Any, given: dict[str, Any]) -> Any:
    bins = np.zeros((SIZE, kernel.COLUMNS))
    kernel.turn_events(*given.values(), *cut.values(), K2, bins)
    return bins


def plain(cut: Any, given: dict[str, Any]) -> Any:
    """Σ w, Σ_events (Σ w)² and Σ_readings (Σ w)² σ²."""
    flux, views = cut["flux"], cut["views"]
    by_event = np.zeros((given["pixel"].size, SIZE))
    for e, (p, k) in enumerate(zip(given["pixel"], given["k_i"], strict=True)):
        if not cut["pixel"].table[p, 1] > 0:
            continue
        for v, j in enumerate(views.step):
            edges = flux.edges[flux.edge_of[j] :][: flux.cells[j] + 1]
            m = int(np.searchsorted(edges, k, side="right")) - 1
            if not 0 <= m < flux.cells[j] or masked(cut, j, p, m):
                continue
            n = max(flux.counts[flux.count_of[j] + m], 0.0)
            i = neutron(cut, v, int(p), float(k))
            if i >= 0:
                flux_here = n / (K2 * (edges[m + 1] ** 2 - edges[m] ** 2))
                flux_empty = 1.0 / given["per_count"][given["reading"][e]]
                by_event[e, i] += given["factor"][p] * flux_here / flux_empty
    by_reading = np.zeros((READINGS, SIZE))
    np.add.at(by_reading, given["reading"], by_event)
    common = (by_reading**2 * given["relative"][:, None]).sum(axis=0)
    return np.stack([by_event.sum(axis=0), (by_event**2).sum(axis=0), common], axis=1)


def test_sums_and_both_variances() -> None:
    # with a bin that both images of an event are in, and a pixel that takes no part
    cut = tables(pixels=15, steps=3, cells=20, shape=(5, 6))
    cut["pixel"].table[4, 1] = cut["pixel"].inverse[4] = 0.0
    given = made(cut)
    bins, expected = turned(cut, given), plain(cut, given)
    assert np.count_nonzero(expected[:, 0]) > 10
    assert_allclose(bins[:, kernel.TOTAL :], expected, rtol=1e-10, atol=1e-13)
    assert not bins[:, : kernel.TOTAL].any()  # room for the next event and reading


def test_readings_add_up_when_each_is_whole() -> None:
    cut = tables(pixels=15, steps=3, cells=20, shape=(6, 5))
    given = made(cut)
    whole, parts = turned(cut, given), np.zeros((SIZE, kernel.COLUMNS))
    for some in (given["reading"] < 2, given["reading"] >= 2):
        part = {n: a[some] if a.size == some.size else a for n, a in given.items()}
        kernel.turn_events(*part.values(), *cut.values(), K2, parts)
    assert_allclose(parts, whole, rtol=1e-12)


def test_events_without_weight_are_as_if_they_were_not() -> None:
    # more of them than bins in a reading: room is for each bin once. In plain Python, which
    # sees what is written beyond the end
    cut = tables(pixels=15, steps=3, cells=20, shape=(6, 5))
    given = made(cut, n=900)
    given["factor"][::2] = 0.0
    bins = np.zeros((SIZE, kernel.COLUMNS))
    turn = getattr(kernel.turn_events, "py_func", kernel.turn_events)
    turn(*given.values(), *cut.values(), K2, bins)
    some = given["pixel"] % 2 == 1
    rest = {n: a[some] if a.size == some.size else a for n, a in given.items()}
    assert_allclose(bins, turned(cut, rest), rtol=1e-12)
    given["factor"][:] = 0.0
    assert not turned(cut, given).any()


def test_no_event() -> None:
    cut = tables(pixels=15, steps=3, cells=20, shape=(6, 5))
    assert not turned(cut, made(cut, n=0)).any()
