"""Options of where the detectors are: the section [calibration]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ewaldite.model.quantity import parse_quantity
from ewaldite.run.section import Section, in_units_of
from ewaldite.spectroscopy.calibration import (
    Calibration,
    ModuleCalibration,
    TubeCalibration,
)

Shift = Annotated[str, in_units_of("m")]


class TubeOptions(Section):
    """Position along one tube: gain times nominal plus offset."""

    arc: int = Field(ge=1, le=5, description="from 1, of 2.7 meV")
    channel: int = Field(ge=1, le=9, description="from 1, at the smallest A4")
    tube: int = Field(ge=1, description="from 1, as the file stores them")
    gain: float = Field(1.0, gt=0, description="true length by nominal one")
    offset: Shift = Field("0 mm", description="towards larger A4")
    gain_error: float | None = Field(None, description="standard error, for the record")
    offset_error: Shift | None = Field(None, description="standard error, for the record")


class ModuleOptions(Section):
    """Rotation and shift of a module of three triplets."""

    arc: int = Field(ge=1, le=5, description="from 1, of 2.7 meV")
    module: int = Field(ge=1, le=3, description="1 holds channels 1 to 3")
    angle: float = Field(0.0, description="about the vertical, degrees")
    along: Shift = Field("0 mm", description="shift away from the sample")
    across: Shift = Field("0 mm", description="shift towards larger A4")
    angle_error: float | None = Field(None, description="standard error, for the record")
    along_error: Shift | None = Field(None, description="standard error, for the record")
    across_error: Shift | None = Field(None, description="standard error, for the record")


class CalibrationOptions(Section):
    """Where the detectors really are; what is not named is nominal."""

    file: Path | None = Field(
        None, description="of 'ewaldite spectroscopy calibrate'; what is said here goes first"
    )
    tube: list[TubeOptions] = Field(default_factory=list, description="tubes by number")
    module: list[ModuleOptions] = Field(default_factory=list, description="modules by number")
    simple_paths: bool = Field(
        False, description="paths as if all tubes of a triplet were the middle one, to compare"
    )

    def calibration(self) -> Calibration:
        """The calibration.

        Raises
        ------
        UserError
            If a length is not one.
        """
        tubes = {
            (t.arc - 1, t.channel - 1, t.tube - 1): TubeCalibration(
                t.gain, parse_quantity(t.offset, "m", "[[calibration.tube]] offset")
            )
            for t in self.tube
        }
        modules = {
            (m.arc - 1, m.module - 1): ModuleCalibration(
                m.angle,
                parse_quantity(m.along, "m", "[[calibration.module]] along"),
                parse_quantity(m.across, "m", "[[calibration.module]] across"),
            )
            for m in self.module
        }
        return Calibration(tubes, modules)
