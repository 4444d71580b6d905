"""Dispersion maps."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.plot.dispersion import dispersion_figure
from plot.cuts import stored

EVENTS = np.arange(12.0).reshape(3, 4)


def test_energy_is_upwards_however_the_cut_is_stored() -> None:
    cut = stored(
        EVENTS, np.full((3, 4), 2.0), {"energy_transfer": np.arange(4.0), "h": np.arange(5.0)}
    )
    axes = dispersion_figure(cut, "name").axes[0]
    assert axes.get_ylabel() == "energy transfer (meV)"
    np.testing.assert_allclose(axes.collections[0].get_array(), EVENTS.T / 2)
    assert axes.get_xlim() == (0, 4)


def test_branches_are_drawn_over_it() -> None:
    cut = stored(
        EVENTS, np.ones((3, 4)), {"h": np.arange(4.0), "energy_transfer": np.arange(5.0)}
    )
    h = np.linspace(0, 3.5, 8)
    branch = sc.DataArray(
        sc.array(dims=["h"], values=1e3 * np.sqrt(h), unit="ueV"),
        coords={"h": sc.array(dims=["h"], values=h)},
    )
    axes = dispersion_figure(cut, scale="log", branches={"magnon": branch}).axes[0]
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_xydata(), np.stack([h, np.sqrt(h)], axis=1))
    assert axes.get_xlim() == (0, 3)
    assert axes.get_legend().get_texts()[0].get_text() == "magnon"


@pytest.mark.parametrize("edges", [{"h": [0, 1]}, {"h": [0, 1], "l": [0, 1]}])
def test_other_cuts_are_refused(edges: dict[str, list[float]]) -> None:
    ones = np.ones((1,) * len(edges))
    with pytest.raises(UserError, match="dispersion map"):
        dispersion_figure(stored(ones, ones, edges))
