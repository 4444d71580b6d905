"""Space groups without screws, glides and centrings, for what is not on the lattice."""

from __future__ import annotations

import gemmi

from ewaldite.crystal.symmetry import SpaceGroup, space_group


def symmorphic(group: SpaceGroup) -> SpaceGroup:
    """Primitive symmorphic space group of the same point group in the same setting.

    Between the nodes nothing is extinct: a file of diffuse intensities that names
    ``P 21 21 21`` or ``I 2 3`` would have programs throw away what they take for absent.

    Parameters
    ----------
    group:
        The crystal's.

    Returns
    -------
    :
        ``P 2 2 2`` for ``P 21 21 21``, ``P 2 3`` for ``I 2 3``, ``P 3 2 1`` for ``R 3 2:H``,
        ``R 3 2:R``, which is primitive, for itself.
    """
    operations = gemmi.GroupOps(
        [gemmi.Op(_triplet(m.tolist())) for m in group.point_operations]
    )
    found = gemmi.find_spacegroup_by_ops(operations)
    # every tabulated setting has one, as a test shows
    return space_group(found.xhm())


def triplets(group: SpaceGroup) -> list[str]:
    """Symmetry operations as text, ``x,y,z`` first, those of the centring included.

    Parameters
    ----------
    group:
        Space group.
    """
    found = gemmi.find_spacegroup_by_name(group.name)
    return [operation.triplet() for operation in found.operations()]


def point_group_name(group: SpaceGroup) -> str:
    """Hermann–Mauguin symbol of the point group, as in ``222``."""
    return str(gemmi.find_spacegroup_by_name(group.name).point_group_hm())


def _triplet(rotation: list[list[int]]) -> str:
    terms = []
    for row in rotation:
        parts = [f"{'+' if x > 0 else '-'}{n}" for x, n in zip(row, "xyz", strict=True) if x]
        terms.append("".join(parts))
    return ",".join(terms)
