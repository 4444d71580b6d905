"""Options of the 3D-ΔPDF: the section ``[pdf]`` of the TOML file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ewaldite.diffuse.section import Section

Window = Literal["none", "hann", "lorch", "gauss"]
Absent = Literal["zero", "fill"]


class PdfOptions(Section):
    """The three-dimensional difference pair distribution function."""

    enabled: bool = Field(False, description="whether the step pdf is done")
    window: Window = Field(
        "hann", description="falls to the resolution limit: none, hann, lorch or gauss"
    )
    d_min: float | None = Field(None, gt=0, description="Å; default: that of the map")
    d_max: float | None = Field(None, gt=0, description="Å; default: none")
    absent: Absent = Field(
        "zero", description="voxels without data: zero, or fill from their neighbours"
    )
    fill_width: float = Field(1.5, gt=0, description="sigma of the fill, voxels")
    padding: float = Field(1.0, ge=1, le=8, description="finer sampling by zeros outside")
    reach: float | None = Field(None, gt=0, description="Å kept along each axis; default: all")
