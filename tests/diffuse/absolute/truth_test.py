"""The scale of crystals that obey the sum rule, against the true one."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import scipp as sc

from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.polymer import water
from ewaldite.diffuse.absolute.scale import AbsoluteScale
from ewaldite.simulate.structure import Atoms, add_water, read_conformer

_SPEC = spec_from_file_location(
    "absolute_scale", Path(__file__).parents[3] / "benchmarks" / "absolute_scale.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
BENCHMARK = module_from_spec(_SPEC)
_SPEC.loader.exec_module(BENCHMARK)
K_TRUE = BENCHMARK.K_TRUE

EMPTY = Atoms(np.zeros(0, dtype="<U2"), np.zeros((0, 3)))


def at(scale: AbsoluteScale, name: str, cutoff: float) -> float:
    """A curve over the true scale at a cut-off."""
    curve = scale.curves[name]
    number = int(np.searchsorted(curve.coords["s_cutoff"].values, cutoff)) - 1
    return float(curve.values[number]) / K_TRUE


@pytest.fixture(scope="module")
def glass() -> AbsoluteScale:
    """Frozen water, in every cell alike."""
    cell = (18.0, 19.0, 20.0, 85.0, 95.0, 100.0)
    frozen = add_water(EMPTY, cell, 190, 2.5, np.random.default_rng(0))
    number = int(np.sum(frozen.symbols == "O"))
    contents: CellContents = water().times(number)
    return BENCHMARK.found_scale([frozen], contents, cell, 0.0, 1.0)


def test_water_with_its_bonds(glass: AbsoluteScale) -> None:
    # by the nearest neighbours of water the sum has settled to 2 % at 0.7 1/Å
    assert float(glass.k.value) / K_TRUE == pytest.approx(1.0, abs=0.03)
    assert at(glass, "scale_bonded", 0.99) == pytest.approx(1.0, abs=0.01)


def test_the_uncertainty_covers_the_truth(glass: AbsoluteScale) -> None:
    assert abs(glass.k.value - K_TRUE) < 2.5 * glass.sigma_k.value
    assert glass.sigma_counting.value < 1e-3 * glass.sigma_cutoff.value


def test_without_bonds_the_sum_is_cut_too_early(glass: AbsoluteScale) -> None:
    free = at(glass, "scale_free", 0.7)
    assert abs(free - 1) > 2 * abs(at(glass, "scale_bonded", 0.7) - 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("b", "free", "bonded"),
    [(0.0, (0.92, 0.95), (0.985, 1.015)), (12.0, (0.89, 0.93), (0.94, 0.99))],
)
def test_lysozyme(
    shared_data: Path, b: float, free: tuple[float, float], bonded: tuple[float, float]
) -> None:
    text = (shared_data / "lysozyme_xds" / "model.pdb").read_text()
    cell = (27.424, 32.134, 34.513, 88.66, 108.46, 111.88)
    rng = np.random.default_rng(0)
    cells = [
        add_water(read_conformer(text, cell, letter), cell, 300, 2.5, rng) for letter in "AB"
    ]
    contents = BENCHMARK.contents_of(cells, text)
    scale = BENCHMARK.found_scale(cells, contents, cell, b, 0.86)
    assert scale.k.unit == sc.Unit("mrad**2*s/counts")
    assert free[0] < at(scale, "scale_free", 0.7) < free[1]
    assert bonded[0] < at(scale, "scale_bonded", 0.7) < bonded[1]
    assert scale.k.value == pytest.approx(K_TRUE * at(scale, "scale_bonded", 0.7), rel=1e-3)
    # it only rises from 0.5 to 0.7 where the bonds are left out
    assert at(scale, "scale_free", 0.5) < 0.85 * free[1]
