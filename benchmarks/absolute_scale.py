"""The absolute scale of a crystal that obeys the sum rule, against the cut-off.

    python benchmarks/absolute_scale.py model.pdb --picture docs/images/absolute_scale.png

Fills the cell of a structure in space group P 1 (triclinic lysozyme) with water at random
places, in several ways, adds up Bragg, diffuse and Compton scattering at the nodes, and finds
the scale by the Krogh-Moe sum with and without bonded interference. Once the atoms of a cell
are at rest, once each is displaced on its own (B = 12 Å²), which also blurs the bonds.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipp as sc

from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.form_factors import form_factor
from ewaldite.crystal.model_contents import from_model, model_cell
from ewaldite.crystal.polymer import water
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.absolute.options import AbsoluteOptions
from ewaldite.diffuse.absolute.scale import AbsoluteScale, absolute_scale
from ewaldite.diffuse.absolute.scattering import CellScattering, atom_tables
from ewaldite.diffuse.absolute.totals import lengths
from ewaldite.diffuse.observations import INTENSITY_UNIT, grid_coords
from ewaldite.model.grid import Grid
from ewaldite.simulate.structure import Atoms, add_water, read_conformer, totals

K_TRUE = 100.0
WAVELENGTH = 1.0
GRID = Grid((1, 1, 1))
CUTOFFS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def nodes(cell: tuple[float, ...], s_max: float) -> np.ndarray:
    """hkl of half of reciprocal space to s_max, without the origin."""
    n = np.ceil(np.array(cell[:3]) * s_max).astype(int)
    axes = [np.arange(-n[0], n[0] + 1), np.arange(-n[1], n[1] + 1), np.arange(n[2] + 1)]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    h, k, l = hkl.T
    first = (l > 0) | ((l == 0) & ((h > 0) | ((h == 0) & (k > 0))))
    return hkl[first & (lengths(GRID, hkl, cell) < s_max)]


def contents_of(cells: list[Atoms], text: str) -> CellContents:
    """What is in the cells on average, with the bonds of the model and of the water."""
    elements: dict[str, float] = {}
    for cell in cells:
        for symbol, number in zip(*np.unique(cell.symbols, return_counts=True), strict=True):
            elements[str(symbol)] = elements.get(str(symbol), 0.0) + number / len(cells)
    polymer_lines = [x for x in text.splitlines() if x[:6] in ("CRYST1", "ATOM  ")]
    protein = from_model("\n".join(polymer_lines), "pdb", "model")
    waters = elements["O"] - protein.elements["O"]
    return replace(protein + water().times(waters), elements=elements)


def table(hkl: np.ndarray, values: np.ndarray) -> sc.DataArray:
    """A merged table of counts/mrad²/s."""
    data = sc.array(
        dims=["voxel"],
        values=values / K_TRUE,
        variances=np.full(len(values), 1e-12),
        unit=INTENSITY_UNIT,
    )
    return sc.DataArray(data, coords=grid_coords(GRID, hkl))


def found_scale(
    cells: list[Atoms],
    contents: CellContents,
    cell: tuple[float, ...],
    b: float,
    s_max: float,
    depth: int = 2,
) -> AbsoluteScale:
    """The scale of the simulated tables."""
    hkl = nodes(cell, s_max)
    s = lengths(GRID, hkl, cell)
    f0 = {symbol: form_factor(symbol) for symbol in contents.elements}
    bragg, diffuse = totals(cells, hkl, s, f0, b)
    atoms = atom_tables(contents, WAVELENGTH, use_anomalous=False)
    compton = CellScattering(contents, atoms).tabulated_incoherent(s_max)(s)
    options = AbsoluteOptions(bonds=depth)
    return absolute_scale(
        table(hkl, diffuse + compton),
        table(hkl, bragg),
        contents,
        cell,
        space_group("P 1"),
        WAVELENGTH,
        options,
        tables=atoms,
    )


def ratio(curve: sc.DataArray) -> sc.DataArray:
    """A scale over the true one, from where it settles."""
    settled = curve.coords["s_cutoff"] > sc.scalar(0.4, unit="1/angstrom")
    found = curve[settled] / K_TRUE
    found.unit = "one"
    return found


def main() -> None:
    """Simulate, find the scale, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--waters", type=int, default=300)
    parser.add_argument("--s-max", type=float, default=1.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    text = arguments.model.read_text()
    cell = model_cell(text, "pdb", arguments.model.name)
    if cell is None:
        parser.error("the model has no cell")
    rng = np.random.default_rng(arguments.seed)
    cells = [
        add_water(read_conformer(text, cell, "ABC"[i % 3]), cell, arguments.waters, 2.5, rng)
        for i in range(arguments.cells)
    ]
    contents = contents_of(cells, text)
    print(contents.summary())
    curves = {}
    for name, b in (("at rest", 0.0), ("B = 12 Å²", 12.0)):
        scale = found_scale(cells, contents, cell, b, arguments.s_max)
        ends = scale.curves.coords["s_cutoff"].values
        for kind, words in (("scale_bonded", "with bonds"), ("scale_free", "without")):
            curves[f"{words}, {name}"] = ratio(scale.curves[kind])
        for cut in CUTOFFS:
            at = int(np.searchsorted(ends, cut)) - 1
            row = [scale.curves[x].values[at] / K_TRUE for x in ("scale_free", "scale")]
            print(f"{name:>10}  {cut:.1f} 1/Å  without {row[0]:.3f}  with bonds {row[1]:.3f}")
        error = float(scale.sigma_k.value / scale.k.value)
        print(f"{name:>10}  σ_k / k = {100 * error:.2f} %")
    if arguments.picture:
        from ewaldite.plot.lines import line_figure
        from ewaldite.plot.style import save_figure

        save_figure(
            arguments.picture, line_figure({"k found / k true": curves}, level=1.0, height=3.2)
        )


if __name__ == "__main__":
    main()
