"""INTEGRATE.LP: geometry that XDS refined anew for every block of images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, read_text
from ewaldite.io.geometry.xds_inp import XdsInput, parse_parameters
from ewaldite.io.geometry.xds_model import Numbers, XdsGeometry

BLOCK = re.compile(r"PROCESSING OF IMAGES\s+(\d+)\s*\.\.\.\s*(\d+)")
# fixed decimals may touch the number before them
NUMBER = re.compile(r"[-+]?\d*\.\d+(?:[Ee][-+]?\d+)?|[-+]?\d+")

LABELS = {
    "cell": ("UNIT CELL PARAMETERS", 6),
    "a": ("COORDINATES OF UNIT CELL A-AXIS", 3),
    "b": ("COORDINATES OF UNIT CELL B-AXIS", 3),
    "c": ("COORDINATES OF UNIT CELL C-AXIS", 3),
    "axis": ("LAB COORDINATES OF ROTATION AXIS", 3),
    "beam": ("DIRECT BEAM COORDINATES (REC. ANGSTROEM)", 3),
    "origin": ("DETECTOR ORIGIN (PIXELS) AT", 2),
    "distance": ("CRYSTAL TO DETECTOR DISTANCE (mm)", 1),
    "x_axis": ("LAB COORDINATES OF DETECTOR X-AXIS", 3),
    "y_axis": ("LAB COORDINATES OF DETECTOR Y-AXIS", 3),
}


@dataclass(frozen=True)
class Block:
    """Images that XDS integrated with one refined geometry.

    Attributes
    ----------
    first, last:
        Frame numbers, inclusive.
    geometry:
        What was refined; everything else is None.
    """

    first: int
    last: int
    geometry: XdsGeometry


def read_integrate_lp(path: Path) -> tuple[XdsInput, tuple[Block, ...]]:
    """Read the parameters of the run and the refined geometry of every block of images.

    Parameters
    ----------
    path:
        INTEGRATE.LP.

    Returns
    -------
    :
        The parameters that INTEGRATE ran with, and the blocks by their first frame.

    Raises
    ------
    UserError
        If the file cannot be read, has no block, or a block is cut short.
    """
    text = read_text(path)
    starts = list(BLOCK.finditer(text))
    if not starts:
        raise UserError(
            asked(path),
            "it holds no block of images ('PROCESSING OF IMAGES ...')",
            "Let XDS run its step INTEGRATE to the end.",
        )
    ends = [match.start() for match in starts[1:]] + [len(text)]
    blocks = []
    for match, end in zip(starts, ends, strict=True):
        first, last = int(match.group(1)), int(match.group(2))
        values = _values(text[match.end() : end])
        missing = [LABELS[key][0] for key in LABELS if key not in values]
        if missing:
            raise UserError(
                asked(path),
                f"the block of images {first} to {last} lacks '{missing[0]}'",
                "The file is cut short or the refinement failed there; run INTEGRATE again.",
            )
        blocks.append(Block(first, last, _geometry(path, values)))
    header = parse_parameters(path, text[: starts[0].start()])
    return header, tuple(sorted(blocks, key=lambda block: block.first))


def _values(text: str) -> dict[str, Numbers]:
    """Numbers behind each label of a block, where there are enough of them."""
    found: dict[str, Numbers] = {}
    for line in text.splitlines():
        for key, (label, count) in LABELS.items():
            _, separator, rest = line.partition(label)
            if separator and key not in found:
                numbers = tuple(float(x) for x in NUMBER.findall(rest))
                if len(numbers) == count:
                    found[key] = numbers
    return found


def _geometry(path: Path, values: dict[str, Numbers]) -> XdsGeometry:
    return XdsGeometry(
        path=path,
        cell=values["cell"],
        axes=(values["a"], values["b"], values["c"]),
        axis=values["axis"],
        beam=values["beam"],
        origin=values["origin"],
        distance=values["distance"][0],
        x_axis=values["x_axis"],
        y_axis=values["y_axis"],
    )
