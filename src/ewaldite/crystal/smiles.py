"""Molecules from SMILES in Kekulé form: which atoms, and which bonds between them.

The notation is that of Weininger, J. Chem. Inf. Comput. Sci. 28 (1988) 31. Lower-case aromatic
atoms are not read: a ring is written with alternating double bonds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ewaldite.crystal.form_factors import atomic_number
from ewaldite.errors import UserError

_TOKEN = re.compile(
    r"(?P<atom>Cl|Br|[BCNOPSFI])|\[(?P<boxed>[^\]]+)\]|(?P<bond>[-=#])|(?P<open>\()"
    r"|(?P<close>\))|(?P<ring>%\d\d|\d)|(?P<dot>\.)|(?P<mark>[/\\])"
)
_BOXED = re.compile(
    r"(?P<isotope>\d+)?(?P<symbol>[A-Z][a-z]?)(?P<chiral>@{0,2})(?:H(?P<hydrogens>\d*))?"
    r"(?P<charge>\+\d|-\d|\++|-+)?"
)
_VALENCES = {
    "B": (3,),
    "C": (4,),
    "N": (3, 5),
    "O": (2,),
    "P": (3, 5),
    "S": (2, 4, 6),
    "F": (1,),
    "Cl": (1,),
    "Br": (1,),
    "I": (1,),
}
_ORDERS = {"-": 1, "=": 2, "#": 3}


@dataclass
class Graph:
    """Atoms and bonds of a molecule.

    Attributes
    ----------
    symbols:
        Elements, hydrogens after all others.
    charges:
        Formal charges.
    bonds:
        Order of each bond by its two atoms, the smaller index first.
    """

    symbols: list[str] = field(default_factory=list)
    charges: list[int] = field(default_factory=list)
    bonds: dict[tuple[int, int], int] = field(default_factory=dict)

    def join(self, i: int, j: int, order: int) -> None:
        """Add a bond."""
        self.bonds[min(i, j), max(i, j)] = order

    def neighbours(self) -> list[dict[int, int]]:
        """Orders of the bonds of every atom, by the other atom."""
        near: list[dict[int, int]] = [{} for _ in self.symbols]
        for (i, j), order in self.bonds.items():
            near[i][j] = near[j][i] = order
        return near


def parse_smiles(text: str) -> Graph:
    """Read a molecule, hydrogens included.

    Parameters
    ----------
    text:
        As in ``"OCC(O)CO"`` (glycerol) or ``"[O-][N+](=O)[O-]"`` (nitrate).

    Returns
    -------
    :
        Atoms and bonds.

    Raises
    ------
    UserError
        The text is no SMILES in Kekulé form.
    """
    graph, hydrogens = _skeleton(text.strip())
    near = graph.neighbours()
    for atom, given in enumerate(hydrogens):
        number = given
        if number is None:
            used = sum(near[atom].values())
            possible = [v for v in _VALENCES[graph.symbols[atom]] if v >= used]
            if not possible:
                raise _refused(text, f"{graph.symbols[atom]} with {used} bonds")
            number = possible[0] - used
        for _ in range(number):
            graph.symbols.append("H")
            graph.charges.append(0)
            graph.join(atom, len(graph.symbols) - 1, 1)
    return graph


def _skeleton(text: str) -> tuple[Graph, list[int | None]]:
    """Atoms as written; the number of hydrogens where it is written, else None."""
    graph, hydrogens = Graph(), list[int | None]()
    last: int | None = None
    order, at = 1, 0
    branches: list[int | None] = []
    rings: dict[str, tuple[int, int]] = {}
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _refused(text, f"'{text[at:]}'")
        at, kind, token = match.end(), match.lastgroup, match[match.lastgroup or 0]
        if kind in ("atom", "boxed"):
            symbol, charge, number = (token, 0, None) if kind == "atom" else _boxed(text, token)
            graph.symbols.append(symbol)
            graph.charges.append(charge)
            hydrogens.append(number)
            if last is not None:
                graph.join(last, len(graph.symbols) - 1, order)
            last, order = len(graph.symbols) - 1, 1
        elif kind == "bond":
            order = _ORDERS[token]
        elif kind == "open":
            branches.append(last)
        elif kind == "close":
            if not branches:
                raise _refused(text, "a bracket that was not opened")
            last = branches.pop()
        elif kind == "dot":
            last = None
        elif kind == "ring" and last is not None:
            if token in rings:
                other, before = rings.pop(token)
                graph.join(last, other, max(order, before))
            else:
                rings[token] = (last, order)
            order = 1
    if rings or branches or not graph.symbols:
        raise _refused(text, "a ring or a bracket that is not closed" if text else "no atom")
    return graph, hydrogens


def _boxed(text: str, token: str) -> tuple[str, int, int]:
    match = _BOXED.fullmatch(token)
    if match is None:
        raise _refused(text, f"'[{token}]'")
    atomic_number(match["symbol"])
    number = match["hydrogens"]
    count = 0 if number is None else int(number or 1)
    sign = match["charge"] or ""
    charge = int(sign) if len(sign) == 2 and sign[1].isdigit() else sign.count("+")
    if sign.count("-") == len(sign):
        charge = -len(sign)
    return match["symbol"], charge, count


def _refused(text: str, found: str) -> UserError:
    return UserError(
        f"read the SMILES '{text}'",
        f"it has {found}",
        "Write it in Kekulé form, as in 'OCC(O)CO' or 'C1=CC=CC=C1'.",
    )
