"""Options of ``ewaldite spectroscopy calibrate``: the section [calibrate]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from ewaldite.run.section import Section, in_units_of

What = Literal["along-tube", "modules", "time-zero"]


class CalibrateOptions(Section):
    """What is fitted to the runs of a calibration."""

    what: What = Field(
        "modules", description="gain and offset of tubes; place of modules; time zero"
    )
    output: Path = Field(Path("calibration.toml"), description="file that is written")
    window: Annotated[str, in_units_of("s", positive=True)] | None = Field(
        None, description="times looked at on either side of the line; default: 3 ms, parked 6"
    )
    lit: list[tuple[float, float]] = Field(
        [(-1.0, 1.0)],
        min_length=1,
        description="along-tube: lit parts of tubes, in halves of their length from the middle",
    )
    d_spacings: list[float] = Field(
        default_factory=list, description="modules: lines of a powder, Å; the runs are of it"
    )
    along: Literal["line", "powder"] = Field(
        "line", description="shift along the beam from the line's time, or from the powder"
    )
    minimum: int = Field(200, ge=20, description="fewest events that a tube or module needs")

    @field_validator("lit")
    @classmethod
    def _apart(cls, lit: list[tuple[float, float]]) -> list[tuple[float, float]]:
        ends = [end for part in lit for end in part]
        if ends != sorted(ends) or len(set(ends)) < len(ends):
            raise ValueError(f"[calibrate] lit {lit}: parts must ascend and be apart")
        return lit

    @field_validator("d_spacings")
    @classmethod
    def _positive(cls, spacings: list[float]) -> list[float]:
        if any(d <= 0.0 for d in spacings):
            raise ValueError("[calibrate] d_spacings: they must be positive, in Å")
        return spacings
