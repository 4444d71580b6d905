"""Correlations of the diffuse map of ten stills with itself and with a published map.

``python compare.py OUT REFERENCE``: OUT is the folder that ``ewaldite diffuse run snase.toml``
left, REFERENCE the map that lunus made of all 96 images, ``snc_diffuse_reference.lat.bz2``.
Only files that the program wrote are read. The numbers are those of README.md.
"""

from __future__ import annotations

import bz2
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipp as sc
from numpy.typing import NDArray

import ewaldite
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.correlation import correlation
from ewaldite.diffuse.merging.merge import merge

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Width of the shells in the length of s in which the isotropic part is removed, 1/Å.
SHELL = 0.01
#: Voxel 0 0 0 of the reference map.
ORIGIN = np.array([30, 30, 39])
#: The reference has values below it where nothing was seen.
NOTHING = -32000.0
#: Where correlations with the reference are told apart, 1/Å.
RANGES = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55)
#: Limits within which the isotropic scattering tells about stills and detector, 1/Å.
ISOTROPIC = (0.3, 0.6)
_FRIEDEL, _TWO_FOLD = np.array([-1, -1, -1]), np.array([-1, -1, 1])


def listed_voxels() -> IntArray:
    """Return the stored list: voxels of all comparisons; dims (voxel, hkl)."""
    with np.load(Path(__file__).with_name("voxels.npz")) as stored:
        return np.asarray(stored["hkl"], dtype=np.int64)


def read_lattice(path: Path) -> FloatArray:
    """Read a map of lunus: 3 sizes, 6 limits, then values with h fastest; NaN is unseen.

    Parameters
    ----------
    path:
        A ``.lat`` file, compressed with bzip2 or not.

    Returns
    -------
    :
        dims (h, k, l), float64, unit of its own.
    """
    data = path.read_bytes()
    if path.suffix == ".bz2":
        data = bz2.decompress(data)
    size = np.frombuffer(data, "<u4", 3)
    values = np.frombuffer(data, "<f4", offset=36).reshape(size[::-1]).transpose(2, 1, 0)
    return np.where(values > NOTHING, values, np.nan).astype(np.float64)


def at(lattice: FloatArray, hkl: IntArray, origin: IntArray) -> FloatArray:
    """Values of a lattice at voxels, NaN outside of it; dims (voxel)."""
    index = hkl + origin
    inside = np.all((index >= 0) & (index < np.array(lattice.shape)), axis=1)
    values = lattice[tuple(np.where(inside[:, None], index, 0).T)]
    return np.where(inside, values, np.nan)


def averaged(lattice: FloatArray, hkl: IntArray) -> FloatArray:
    """Means of the reference over the equivalents of 4/m that it holds; dims (voxel)."""
    h, k, l = hkl.T
    turned = [(h, k, l), (-h, -k, l), (-k, h, l), (k, -h, l)]
    values = [at(lattice, sign * np.stack(x, 1), ORIGIN) for x in turned for sign in (1, -1)]
    seen = np.isfinite(values).sum(axis=0)
    return np.where(seen > 0, np.nansum(values, axis=0) / np.maximum(seen, 1), np.nan)


def anisotropic(s: FloatArray, intensity: FloatArray) -> FloatArray:
    """Remove the isotropic part: means of fixed shells, interpolated between them.

    Steps instead would leave the slope of the isotropic part within a shell, which is equal for
    h and -h and correlates.

    Parameters
    ----------
    s:
        Length of the scattering vector, the mean over what was seen; dims (voxel), 1/Å.
    intensity:
        dims (voxel); NaN takes no part.

    Returns
    -------
    :
        dims (voxel), unit of the intensity.
    """
    seen = np.isfinite(intensity)
    shell = (s[seen] / SHELL).astype(np.int64)
    number = np.bincount(shell)
    some = number > 0
    mean = np.bincount(shell, intensity[seen])[some] / number[some]
    middle = np.bincount(shell, s[seen])[some] / number[some]
    return np.asarray(intensity - np.interp(s, middle, mean))


def rows_of(hkl: IntArray, wanted: IntArray) -> IntArray:
    """Rows of a table that hold the wanted voxels, -1 where none does; dims (wanted)."""
    keys, sought = (((x + 512) @ np.array([1 << 20, 1 << 10, 1])) for x in (hkl, wanted))
    order = np.argsort(keys)
    place = np.minimum(np.searchsorted(keys[order], sought), keys.size - 1)
    found = order[place]
    return np.asarray(np.where(keys[found] == sought, found, -1), dtype=np.int64)


def hkl_of(table: sc.DataArray) -> IntArray:
    """Whole hkl of a table on the grid of cells; dims (voxel, hkl)."""
    centre = np.stack([column(table, x) for x in "hkl"], axis=1)
    return np.asarray(np.rint(centre), dtype=np.int64)


def column(table: sc.DataArray, name: str) -> FloatArray:
    """Coordinate of a table; dims (voxel)."""
    return np.asarray(table.coords[name].values, dtype=np.float64)


def mates(hkl: IntArray, operation: IntArray) -> tuple[IntArray, IntArray]:
    """Rows of voxels and of those that an operation makes of them, each pair once."""
    row = rows_of(hkl, hkl * operation)
    first = np.flatnonzero(row > np.arange(row.size))
    return first, row[first]


def self_correlations(hkl: IntArray, value: FloatArray, sigma: FloatArray) -> dict[str, float]:
    """Correlations of mates without the isotropic part, and how far sigmas explain them.

    Parameters
    ----------
    hkl:
        dims (voxel, hkl).
    value, sigma:
        Anisotropic intensity and its error; dims (voxel).

    Returns
    -------
    :
        Correlations and numbers of pairs; the rms of (difference / its sigma).
    """
    out: dict[str, float] = {}
    for name, operation in (("Friedel", _FRIEDEL), ("two-fold", _TWO_FOLD)):
        a, b = mates(hkl, operation)
        out[f"{name} pairs"] = float(a.size)
        # Both orders of a pair: which of the two comes first must not matter
        both, mate = np.concatenate([a, b]), np.concatenate([b, a])
        out[f"{name} correlation"] = correlation(value[both], value[mate])
        z = (value[a] - value[b]) / np.hypot(sigma[a], sigma[b])
        out[f"{name} rms of difference/sigma"] = float(np.sqrt(np.mean(z**2)))
    return out


def with_reference(
    name: str, s: FloatArray, value: FloatArray, other: FloatArray
) -> dict[str, float]:
    """Correlation of anisotropic parts, of all voxels and in ranges of the length of s."""
    both = np.isfinite(value) & np.isfinite(other)
    x, y, length = value[both], anisotropic(s[both], other[both]), s[both]
    out = {name: correlation(x, y)}
    for low, high in pairwise(RANGES):
        rows = (length >= low) & (length < high)
        out[f"{name}, {low:g}-{high:g} 1/Å"] = correlation(x[rows], y[rows])
    return out


def evenness(observations: sc.DataArray) -> dict[str, float]:
    """How bright stills are, relative to the first, and one side of the beam to the other.

    Both are 1 where transmissions and corrections are right: solvent and air scatter evenly.
    """
    direction = np.stack([column(observations, x) for x in ("sx", "sy", "sz")], axis=1)
    s = np.linalg.norm(direction, axis=1)
    rows = (s >= ISOTROPIC[0]) & (s < ISOTROPIC[1])
    sweep = observations.coords["sweep"].values[rows]
    exposure = column(observations, "exposure")[rows]
    counts = np.bincount(sweep, column(observations, "counts")[rows])
    bright = counts / np.bincount(sweep, exposure)
    out = {f"brightness of still {i + 1}": float(x / bright[0]) for i, x in enumerate(bright)}
    value = observations.values[rows]
    relative = value / (value - anisotropic(s[rows], value))
    up = direction[rows, 1] > 0
    halves = [np.average(relative[x], weights=exposure[x]) for x in (up, ~up)]
    return out | {"sy > 0 over sy < 0": float(halves[0] / halves[1])}


def half_sets(merged: sc.DataArray) -> dict[str, float]:
    """CC1/2 of the anisotropic part."""
    s, out = column(merged, "s"), {}
    for kind in ("random", "friedel"):
        a, b = column(merged, f"{kind}_a"), column(merged, f"{kind}_b")
        out[f"CC1/2, {kind} halves"] = correlation(anisotropic(s, a), anisotropic(s, b))
    return out


def compare(out: Path, reference: Path) -> dict[str, float]:
    """All numbers by name, of a folder with results and the map of lunus."""
    observations = ewaldite.load(out / "observations.nxs")
    listed, lattice = listed_voxels(), read_lattice(reference)
    numbers, found = evenness(observations), {}
    for noise in ("empirical", "poisson"):
        # No symmetry, not even Friedel's: only what was seen of a voxel itself
        rng = np.random.default_rng(0)
        table = merge(observations, space_group("P 1"), noise=noise, friedel=False, rng=rng)
        rows = rows_of(hkl_of(table), listed)
        hkl, table = listed[rows >= 0], table["voxel", rows[rows >= 0]].copy()
        s = column(table, "s")
        value = anisotropic(s, table.values)
        found[noise] = self_correlations(hkl, value, np.sqrt(table.variances))
    numbers |= {"voxels of the list": float(len(listed)), "voxels seen": float(len(hkl))}
    numbers |= found["empirical"]
    numbers["Friedel rms of difference/sigma, poisson"] = found["poisson"][
        "Friedel rms of difference/sigma"
    ]
    published, mean = at(lattice, hkl, ORIGIN), averaged(lattice, hkl)
    numbers |= with_reference("P 1 with reference", s, value, published)
    numbers |= with_reference("P 1 with reference in 4/m", s, value, mean)
    merged = ewaldite.load(out / "merged.nxs")
    dense = ewaldite.load(out / "map.nxs")
    origin = np.array([int(np.flatnonzero(dense.coords[x].values == 0)[0]) for x in "hkl"])
    laue = anisotropic(s, at(dense.transpose(["h", "k", "l"]).values, hkl, origin))
    numbers |= with_reference("map.nxs with reference", s, laue, published)
    numbers |= with_reference("map.nxs with reference in 4/m", s, laue, mean)
    return numbers | half_sets(merged)


def main() -> None:
    """Print all numbers."""
    out, reference = (Path(x) for x in sys.argv[1:3])
    for name, number in compare(out, reference).items():
        sys.stdout.write(f"{name:45s} {number:10.3f}\n")


if __name__ == "__main__":
    main()
