"""Options of maps: the section ``[map]`` of the TOML file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from ewaldite.diffuse.isotropic import WIDTH
from ewaldite.diffuse.maps.box import Limits
from ewaldite.diffuse.maps.parts import Part
from ewaldite.diffuse.maps.picture_options import LineOptions, SliceOptions
from ewaldite.diffuse.maps.target_grid import (
    check_fraction,
    check_nodes,
    supercell_matrix,
)
from ewaldite.diffuse.section import Section, Triple
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid, GridMode

Export = Literal["ccp4", "mtz", "csv"]
Point = tuple[float, float, float]


def _diffuse() -> list[Part]:
    return ["diffuse"]


class MapOptions(Section):
    """The grid of the map, what is made of it, and pictures."""

    subdivide: Triple = Field((3, 3, 3), description="voxels a cell along a*, b*, c*")
    mode: GridMode = Field("node", description="node or split: where voxels lie for even n")
    d_min: float | None = Field(None, gt=0, description="Å; default: the detector's edge")
    d_max: float | None = Field(None, gt=0, description="Å; default: none")
    parts: list[Part] = Field(
        default_factory=_diffuse,
        min_length=1,
        description="maps to make: diffuse, bragg, total, isotropic, variational",
    )
    shell_width: float = Field(
        WIDTH, gt=0, description="1/Å, of the shells of the isotropic part"
    )
    limits: Limits | None = Field(
        None, description="first and last h, k, l, as [[-5, 5], [-5, 5], [0, 0]]; default: all"
    )
    asymmetric_unit: bool = Field(False, description="leave voxels there, do not expand")
    supercell: list[int] | list[list[int]] | None = Field(
        None,
        description="also its nodes alone, in its indices: [2, 2, 1], or three rows of three",
    )
    fractional: list[Point] = Field(
        default_factory=list, description="also these fractions of cells alone: [[0.5, 0.5, 0]]"
    )
    export: list[Export] = Field(
        default_factory=list, description="more files of every map: ccp4, mtz, csv"
    )
    missing: float | None = Field(
        None, description="value of absent voxels in CCP4 files; default: NaN"
    )
    slice: list[SliceOptions] = Field(
        default_factory=list, description="[[map.slice]], pictures of planes"
    )
    line: list[LineOptions] = Field(
        default_factory=list, description="[[map.line]], pictures of lines"
    )

    @property
    def grid(self) -> Grid:
        """The grid of the map."""
        return Grid(self.subdivide, self.mode)

    @field_validator("supercell")
    @classmethod
    def _supercell(
        cls, value: list[int] | list[list[int]] | None
    ) -> list[int] | list[list[int]] | None:
        if value is not None:
            try:
                supercell_matrix(value)
            except (UserError, ValueError) as error:
                text = error.found if isinstance(error, UserError) else str(error)
                raise ValueError(f"map: supercell = {value}: {text}") from error
        return value

    @field_validator("limits")
    @classmethod
    def _limits(cls, value: Limits | None) -> Limits | None:
        for low, high in value or ():
            if low > high:
                raise ValueError(f"map: limits: {low:g} lies above {high:g}")
        return value

    @model_validator(mode="after")
    def _whole_for_targets(self) -> MapOptions:
        if self.asymmetric_unit and (self.supercell is not None or self.fractional):
            raise ValueError(
                "map: supercell and fractional need the expanded map: set "
                "asymmetric_unit = false"
            )
        return self

    @model_validator(mode="after")
    def _pictures_of_parts(self) -> MapOptions:
        made = {*self.parts, "pdf"}
        for kind, pictures in (("slice", self.slice), ("line", self.line)):
            for picture in pictures:
                if picture.part not in made:
                    raise ValueError(
                        f"map.{kind}: part = '{picture.part}' is not made: "
                        "add it to [map] parts"
                    )
        return self

    @model_validator(mode="after")
    def _voxels_at_targets(self) -> MapOptions:
        """What the grid lacks is told now, not when the images are reduced."""
        try:
            if self.supercell is not None:
                check_nodes(self.grid, self.supercell)
            for fraction in self.fractional:
                check_fraction(self.grid, fraction)
        except UserError as error:
            raise ValueError(f"map: to {error.asked}: {error.found}. {error.remedy}") from error
        return self
