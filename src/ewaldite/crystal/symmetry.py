"""Space groups: their names, their operations on hkl, what they ask of cell and grid."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

import gemmi
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ewaldite.crystal.cell import cell_from_axes, orthogonalization
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Last space-group number of each run of groups with one Laue class, and the rule of its
# asymmetric unit in ``kernels.asu``; trigonal groups with two-fold axes are listed apart.
_LAST_NUMBER = np.array([2, 15, 74, 88, 142, 148, 167, 176, 194, 206, 230])
_RULE = (0, 1, 2, 3, 4, 5, 7, 3, 4, 8, 9)
_RULE_31M = 6
_NUMBERS_31M = frozenset({149, 151, 153, 157, 159, 162, 163})


@dataclass(frozen=True)
class SpaceGroup:
    """One of the 230 space groups in one of its tabulated settings.

    Row vectors transform as ``hkl' = hkl · M`` with the rotation part M of a symmetry
    operation ``x' = M x + t`` (International Tables B, 1.4.2.2).

    Attributes
    ----------
    number:
        Number in the International Tables, 1 … 230.
    name:
        Extended Hermann–Mauguin symbol of the setting, as in ``"R 3:H"``.
    hall:
        Hall symbol of the setting.
    laue_class:
        Laue class, as in ``"4/m"``.
    point_operations:
        Distinct rotation parts, the identity first; dims (operation, 3, 3), int64.
    laue_operations:
        ``point_operations``, then their products with the inversion where these are not among
        them; dims (operation, 3, 3), int64.
    asu_rule:
        Number of the condition of the asymmetric unit in the reference setting.
    asu_basis:
        ``hkl · asu_basis`` is a positive multiple of hkl in the reference setting;
        dims (3, 3), int64.
    """

    number: int
    name: str
    hall: str
    laue_class: str
    point_operations: IntArray = field(compare=False, repr=False)
    laue_operations: IntArray = field(compare=False, repr=False)
    asu_rule: int = field(compare=False, repr=False)
    asu_basis: IntArray = field(compare=False, repr=False)

    @property
    def is_centrosymmetric(self) -> bool:
        """Whether the inversion is among the point operations."""
        return len(self.point_operations) == len(self.laue_operations)


def _distinct(matrices: list[IntArray]) -> IntArray:
    seen: dict[bytes, IntArray] = {}
    for m in matrices:
        seen.setdefault(m.tobytes(), m)
    return np.array(list(seen.values()), dtype=np.int64)


def _asu_rule(number: int) -> int:
    if number in _NUMBERS_31M:
        return _RULE_31M
    return _RULE[int(np.searchsorted(_LAST_NUMBER, number))]


def _wrap(found: gemmi.SpaceGroup) -> SpaceGroup:
    rotations = [
        np.array(op.rot, dtype=np.int64) // gemmi.Op.DEN for op in found.operations().sym_ops
    ]
    point = _distinct(rotations)
    basis = np.array(found.basisop.rot, dtype=np.int64)
    return SpaceGroup(
        number=found.number,
        name=found.xhm(),
        hall=found.hall,
        laue_class=found.laue_str(),
        point_operations=point,
        laue_operations=_distinct([*point, *(-point)]),
        asu_rule=_asu_rule(found.number),
        asu_basis=basis // np.gcd.reduce(basis, axis=None),
    )


def _from_hall(symbol: str) -> gemmi.SpaceGroup | None:
    try:
        operations = gemmi.symops_from_hall(symbol)
    except (RuntimeError, ValueError):
        return None
    return gemmi.find_spacegroup_by_ops(operations)


def _from_hm(symbol: str, angles: tuple[float, float]) -> gemmi.SpaceGroup | None:
    if symbol.isdecimal():
        number = int(symbol)
        return gemmi.find_spacegroup_by_number(number) if 1 <= number <= 230 else None
    return gemmi.find_spacegroup_by_name(symbol, *angles)


def _nearest(name: str) -> str:
    known: dict[str, str] = {}
    for group in gemmi.spacegroup_table():
        for symbol in (group.xhm(), group.short_name(), group.hall):
            known.setdefault(symbol.lower(), symbol)
    close = difflib.get_close_matches(name.strip().lower(), known, n=3, cutoff=0.5)
    if not close:
        return "Give a number from 1 to 230 or a Hermann–Mauguin symbol, as in 'P 21 21 21'."
    return "Did you mean " + " or ".join(f"'{known[c]}'" for c in close) + "?"


def space_group(name: str, *, cell: ArrayLike | None = None) -> SpaceGroup:
    """Find a space group by any of its names.

    Parameters
    ----------
    name:
        Number (``"19"``), Hermann–Mauguin symbol of any tabulated setting, with or without
        blanks (``"I 1 2 1"``, ``"P212121"``), extended symbol (``"R 3:R"``), or Hall symbol
        (``"P 4w"``). A leading blank, as cctbx writes it, marks a Hall symbol; without it
        Hermann–Mauguin wins, which matters for ``"P 2"``.
    cell:
        a, b, c, alpha, beta, gamma in Å and degrees; dims (6). Chooses between hexagonal and
        rhombohedral axes where the name does not say (hexagonal without it).

    Returns
    -------
    :
        The space group.

    Raises
    ------
    UserError
        The name is unknown, or a Hall symbol of a setting that is not tabulated.
    """
    angles = (0.0, 0.0)
    if cell is not None:
        parameters = np.asarray(cell, dtype=np.float64)
        angles = (float(parameters[3]), float(parameters[5]))
    stripped = name.strip()
    found: gemmi.SpaceGroup | None = None
    if stripped:
        hall_first = name[0] == " " and not stripped.isdecimal()
        found = _from_hall(stripped) if hall_first else _from_hm(stripped, angles)
        if found is None:
            found = _from_hm(stripped, angles) if hall_first else _from_hall(stripped)
    if found is None:
        raise UserError("find the space group", f"'{name}' is not known", _nearest(name))
    return _wrap(found)


def symmetrized_cell(cell: ArrayLike, group: SpaceGroup) -> FloatArray:
    """Average a cell over a point group.

    The reciprocal metric tensor G* obeys ``M G* Mᵀ = G*`` for every operation; the mean of the
    left side over the group is the nearest one that does.

    Parameters
    ----------
    cell:
        a, b, c, alpha, beta, gamma; dims (6), Å and degrees.
    group:
        The space group.

    Returns
    -------
    :
        dims (6), Å and degrees, float64.
    """
    axes = orthogonalization(cell)
    reciprocal = np.linalg.inv(axes.T @ axes)
    m = group.point_operations
    metric = np.linalg.inv(np.mean(m @ reciprocal @ m.transpose(0, 2, 1), axis=0))
    return cell_from_axes(np.linalg.cholesky(metric).T)


def check_cell(cell: ArrayLike, group: SpaceGroup, tolerance: float = 0.01) -> None:
    """Refuse a cell that the space group does not allow.

    Parameters
    ----------
    cell:
        a, b, c, alpha, beta, gamma; dims (6), Å and degrees.
    group:
        The space group.
    tolerance:
        Largest relative change of a length, and change of an angle in radians, that makes the
        cell obey the symmetry.

    Raises
    ------
    UserError
        The cell is further from the symmetry.
    """
    given = np.asarray(cell, dtype=np.float64)
    nearest = symmetrized_cell(given, group)
    off_length = float(np.max(np.abs(nearest[:3] / given[:3] - 1)))
    off_angle = float(np.max(np.abs(np.radians(nearest[3:] - given[3:]))))
    if max(off_length, off_angle) <= tolerance:
        return
    text = [" ".join(f"{x:.3f}" for x in c) for c in (given, nearest)]
    raise UserError(
        f"use space group '{group.name}'",
        f"it does not allow the cell {text[0]} (nearest that it allows: {text[1]})",
        "Correct space_group, or give it in the setting of the cell; '1' merges Friedel "
        "mates only.",
    )


def check_subdivision(grid: Grid, group: SpaceGroup) -> None:
    """Refuse a grid that the Laue group does not map onto itself.

    Parameters
    ----------
    grid:
        Voxel centres lie at ``(2 j + o) / (2 n)``, with o = 0 in node mode and 1 - n in split
        mode; every operation must send each onto another.
    group:
        The space group.

    Raises
    ------
    UserError
        Axes that the symmetry mixes are cut differently, or, in split mode with even n, an
        operation adds indices and so leaves the centres.
    """
    n = np.asarray(grid.n, dtype=np.int64)
    offset = np.zeros(3, dtype=np.int64) if grid.mode == "node" else 1 - n
    m = group.laue_operations
    scaled = m * n[None, None, :]
    whole = not np.any(scaled % n[None, :, None])
    if whole and not np.any((offset @ (scaled // n[None, :, None]) - offset) % 2):
        return
    linked = np.any(m != 0, axis=0)
    common = [int(n[linked[i] | linked[:, i]].max()) for i in range(3)]
    advice = f"Give equal numbers to axes that the symmetry mixes, as in {common}"
    if whole or grid.mode == "split":
        advice += ", and odd ones or mode = 'node'"
    raise UserError(
        f"merge in Laue class {group.laue_class} (space group '{group.name}')",
        f"subdivide = {list(grid.n)} in {grid.mode} mode is not left invariant by it",
        advice + ".",
    )
