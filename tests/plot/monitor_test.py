"""Spectra of the monitor."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from ewaldite.plot.monitor import monitor_figure, wavelength_of

EDGES = np.array([4.0, 4.2, 4.6, 5.0, 5.6])
COUNTS = np.array([100.0, 400.0, 0.0, 900.0])


def spectrum() -> sc.DataArray:
    return sc.DataArray(
        sc.array(dims=["wavelength"], values=COUNTS, variances=COUNTS, unit="counts"),
        coords={"wavelength": sc.array(dims=["wavelength"], values=EDGES, unit="angstrom")},
    )


def test_it_is_a_density_in_wavelength() -> None:
    axes = monitor_figure(spectrum(), title="name").axes[0]
    (steps,) = axes.patches
    np.testing.assert_allclose(steps.get_data().values, COUNTS / np.diff(EDGES))
    np.testing.assert_allclose(steps.get_data().edges, EDGES)
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    # from 100 - 10 to 100 + 10 counts in 0.2 Å
    assert {450.0, 550.0} <= set(np.round(corners[:, 1], 6))


def test_energies_on_top_and_final_ones_marked() -> None:
    axes = monitor_figure(spectrum(), [2.7, 3.8, 5.0]).axes[0]
    marked = sorted(line.get_xdata()[0] for line in axes.lines)
    # 5.0 and 2.7 meV: 4.045 and 5.504 Å
    np.testing.assert_allclose(marked, [4.0449, 4.6398, 5.5044], atol=2e-4)
    (top,) = axes.child_axes
    ticks = dict(
        zip(top.get_xticks(), [t.get_text() for t in top.get_xticklabels()], strict=True)
    )
    assert ticks[min(ticks)] == "5"
    assert all(wavelength_of(float(text)) == pytest.approx(x) for x, text in ticks.items())


def test_an_empty_spectrum_is_drawn() -> None:
    monitor_figure(spectrum() * 0.0)
