"""The compiled loops that a chain meets, with the types of what they are given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ewaldite.run.loop_types import from_words

#: The list: by chain, by loop, each combination of types.
FILE = Path(__file__).with_name("loops.json")
# Stand for the type of the counts of an image, which depends on the detector, and for one that
# has no sign
_COUNTS, _UNSIGNED = "counts[", "unsigned counts["


@dataclass(frozen=True)
class Loop:
    """A compiled function of ours.

    Attributes
    ----------
    module, name:
        Where it is.
    types:
        Of its arguments, as JSON.
    """

    module: str
    name: str
    types: str

    @property
    def function(self) -> Any:
        """The dispatcher of numba."""
        return getattr(import_module(self.module), self.name)

    def compile(self) -> None:
        """Compile it, or load it from where numba keeps it."""
        self.function.compile(tuple(from_words(w) for w in json.loads(self.types)))

    def of_counts(self, dtypes: Iterable[str]) -> Iterator[Loop]:
        """The same for images of each type, if it takes counts of images at all."""
        if _COUNTS not in self.types:
            yield self
            return
        for dtype in dtypes:
            if _UNSIGNED not in self.types:
                yield Loop(self.module, self.name, self.types.replace(_COUNTS, f"{dtype}["))
            elif dtype.startswith("u"):
                yield Loop(self.module, self.name, self.types.replace(_UNSIGNED, f"{dtype}["))


@cache
def _listed() -> dict[str, tuple[Loop, ...]]:
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        chain: tuple(
            Loop(where.partition(":")[0], where.partition(":")[2], json.dumps(types))
            for where, several in loops.items()
            for types in several
        )
        for chain, loops in found.items()
    }


def loops_of(chains: Sequence[str], counts: Iterable[str] = ()) -> tuple[Loop, ...]:
    """Loops of chains.

    Parameters
    ----------
    chains:
        ``diffuse``, ``spectroscopy``; ``diffuse demo`` and ``spectroscopy demo`` for what
        simulates.
    counts:
        Types of the counts of images, as ``int32``.

    Returns
    -------
    :
        Each once, in the order of the list.
    """
    counts = sorted(set(counts))
    listed = (loop for chain in chains for loop in _listed()[chain])
    return tuple(dict.fromkeys(one for loop in listed for one in loop.of_counts(counts)))


def all_loops(counts: Iterable[str] = ()) -> tuple[Loop, ...]:
    """Loops of all chains; ``counts`` as in :func:`loops_of`."""
    return loops_of(tuple(_listed()), counts)
