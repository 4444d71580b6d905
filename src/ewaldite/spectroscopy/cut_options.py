"""Options of normalisation, backgrounds and vanadium."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ewaldite.run.section import Section, in_units_of

Length = Annotated[str, in_units_of("mm", positive=True)]


class NormaliseOptions(Section):
    """How events and coverage become S(Q, ω)."""

    estimator: Literal["coverage", "event"] = Field(
        "coverage", description="ratio of sums, or sum of weighted events"
    )
    monitor: Literal["auto", "resolved", "shared"] = Field(
        "auto", description="the monitor's own counts a step, or its sum shared out by charge"
    )
    minimum_counts: float = Field(
        25.0, ge=1, description="monitor counts of a run below which an energy is left out"
    )
    amount: Annotated[str, in_units_of("mol", positive=True)] | None = Field(
        None, description="of formula units in the beam, as '0.01 mol', for S per formula unit"
    )
    point_group: str | None = Field(
        None, description="space or point group whose rotations fold the data, as 'P 4/m m m'"
    )


class BackgroundOptions(Section):
    """A run without the sample: its can, cryostat and air, at one rotation or several."""

    file: Path = Field(description="NeXus file of the run")
    transmission: float = Field(
        1.0, gt=0, description="what the sample lets through of it, and of other beam or time"
    )
    radius: Length | None = Field(
        None, description="of a cylindrical sample, as '4 mm': its attenuation by angle"
    )
    attenuation: Annotated[str, in_units_of("1/mm")] | None = Field(
        None, description="of the sample at 25.3 meV, as '0.05 /mm', taken to go with 1/v"
    )

    @model_validator(mode="after")
    def _both(self) -> BackgroundOptions:
        if (self.radius is None) != (self.attenuation is None):
            raise ValueError("[background] radius and attenuation: give both or neither")
        return self


class TimeBackgroundOptions(Section):
    """A background that is constant in time, by what is counted at forbidden times."""

    group: Literal["instrument", "arc", "triplet", "tube"] = Field(
        "triplet", description="pixels that have one level"
    )
    guard: Annotated[str, in_units_of("s")] = Field(
        "0.2 ms", description="taken off at both ends of forbidden times, for what leaks in"
    )
    vanadium: bool = Field(
        True, description="whether [vanadium] loses its own, by its own forbidden times"
    )


class VanadiumOptions(Section):
    """A run of vanadium; without it N_b is 1."""

    file: Path = Field(description="NeXus file of the run, or a vanadium.nxs made of one")
    empty: Path | None = Field(None, description="run of its can or stage alone")
    shape: Literal["cylinder", "plate", "none"] = Field(
        "none", description="for self-shielding; none: it is left out"
    )
    radius: Length | None = Field(None, description="of a cylinder, as '5 mm'")
    thickness: Length | None = Field(None, description="of a plate, as '1 mm'")
    normal: float = Field(
        0.0, description="of a plate: its normal from the beam, towards +x; degrees"
    )
    temperature: float = Field(293.0, ge=0, description="K, for the Debye–Waller factor")
    mass: Annotated[str, in_units_of("g", positive=True)] | None = Field(
        None, description="in the beam, as '2.1 g': then S is absolute; else relative"
    )
    pulse_width: Annotated[str, in_units_of("s")] | None = Field(
        None,
        description="pixels whose final energy is so near to an end of the band are left out; "
        "default: how long spinning pulse-shaping choppers are open, else [primary] tau",
    )
    elastic: float = Field(0.25, gt=0, description="half width of the elastic line, meV")

    @model_validator(mode="after")
    def _sized(self) -> VanadiumOptions:
        needed = {"cylinder": self.radius, "plate": self.thickness, "none": ""}[self.shape]
        if needed is None:
            size = "radius" if self.shape == "cylinder" else "thickness"
            raise ValueError(f"[vanadium] shape = '{self.shape}' needs {size}")
        return self
