"""The reference numbers of mdx-lib for the absolute scale, as objects of this program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc

from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.form_factors import GaussianSum, atomic_number
from ewaldite.crystal.pairs import pairs_of_positions
from ewaldite.diffuse.absolute.scattering import AtomScattering
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords
from ewaldite.model.grid import Grid

ORACLES = Path(__file__).parents[2] / "oracles"
ORACLE: dict[str, Any] = json.loads((ORACLES / "absolute.json").read_text())
CELL = np.array([9.0, 10.0, 11.0, 85.0, 95.0, 100.0])


def gaussians(coefficients: list[float]) -> GaussianSum:
    return GaussianSum(tuple(coefficients[0:8:2]), tuple(coefficients[1:8:2]), coefficients[8])


@lru_cache(maxsize=1)
def tables() -> dict[str, AtomScattering]:
    return {
        symbol: AtomScattering(gaussians(e["coherent"]), gaussians(e["incoherent"]))
        for symbol, e in ORACLE["elements"].items()
    }


@lru_cache(maxsize=1)
def lysozyme_json() -> dict[str, Any]:
    return dict(json.loads((ORACLES / "absolute_lysozyme.json").read_text()))


def small_molecule(name: str) -> CellContents:
    """Water or nitrate: the first atom is bonded to all others."""
    m = ORACLE["molecules"][name]
    types = m["atom_types_in_order"]
    bonds = np.array([[0, i] for i in range(1, len(types))])
    numbers = np.array([atomic_number(t) for t in types])
    pairs = pairs_of_positions(numbers, np.array(m["atoms_xyz"], float), bonds, 2)
    return CellContents(elements_of(m), m["totalCharge"], pairs)


def elements_of(molecule: Mapping[str, Any]) -> dict[str, float]:
    return dict(zip(molecule["atomTypes"], map(float, molecule["atomNumbers"]), strict=True))


def merged(table: Mapping[str, Any]) -> sc.DataArray:
    """A table of hasu, kasu, lasu, I and sigma as merging makes it."""
    index = np.stack([table[x] for x in ("hasu", "kasu", "lasu")], axis=1).astype(np.int64)
    return table_of(index, np.array(table["I"], float), np.array(table["sigma"], float) ** 2)


def table_of(
    index: np.ndarray,
    values: np.ndarray,
    variances: np.ndarray,
    grid: Grid | None = None,
) -> sc.DataArray:
    data = sc.array(dims=["voxel"], values=values, variances=variances, unit=INTENSITY_UNIT)
    coords = grid_coords(grid or Grid((1, 1, 1)), index)
    return sc.DataArray(data, coords=coords, name="intensity")
