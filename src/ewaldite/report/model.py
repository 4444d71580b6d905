"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """A picture, ready to be shown.

    Attributes
    ----------
    content:
        The encoded picture.
    fmt:
        ``"png"`` or ``"svg"``.
    caption:
        What it shows, in a sentence.
    """

    content: bytes
    fmt: Literal["png", "svg"]
    caption: str


@dataclass(frozen=True)
class Table:
    """A table of text and numbers.

    Attributes
    ----------
    columns:
        Heads of the columns, with units.
    rows:
        One value a column; numbers are set in a readable number of digits.
    caption:
        What it shows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {row} does not fit the columns {self.columns}")

    @classmethod
    def of_counts(cls, counts: Mapping[str, int], total: int, *, what: str) -> Table:
        """Table of how many of a total each mask takes.

        Parameters
        ----------
        counts:
            Number by the name of the mask.
        total:
            Number of all.
        what:
            What is counted, as in ``"voxels"``.
        """
        rows = tuple(
            (name, count, f"{100 * count / total:.2f} %" if total else "–")
            for name, count in counts.items()
        )
        return cls(("mask", what, "part"), rows, f"Masked of {total:,} {what}")


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    title:
        Its head.
    text:
        Paragraphs, separated by empty lines.
    tables, figures:
        Shown in order after the text, figures first.
    notes:
        Warnings that a reader must not miss.
    verbatim:
        Text that is shown as it is, such as a configuration.
    """

    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    verbatim: str = ""
