"""Options of the neutron chain: the sections of its TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ewaldite.run.options import Device, RunOptions
from ewaldite.run.section import Section, in_units_of
from ewaldite.spectroscopy.calibrate.options import CalibrateOptions
from ewaldite.spectroscopy.calibration_options import CalibrationOptions
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_options import (
    BackgroundOptions,
    NormaliseOptions,
    TimeBackgroundOptions,
    VanadiumOptions,
)
from ewaldite.spectroscopy.export_options import ExportOptions
from ewaldite.spectroscopy.mask_options import EventMaskOptions
from ewaldite.spectroscopy.sample_factor_options import SampleFactorOptions

Time = Annotated[str, in_units_of("s")]
Angle = Annotated[str, in_units_of("deg")]
Length = Annotated[str, in_units_of("m", positive=True)]
Cell = tuple[float, float, float, float, float, float]
Vector = tuple[float, float, float]


class OutputOptions(Section):
    """Where results go."""

    directory: Path = Field(Path("out"), description="folder for results, made if absent")
    formats: list[Literal["csv", "nxspe", "sqw"]] = Field(
        default_factory=list,
        description="of other programs, in which a run is written too; see 'export'",
    )


class RunFileOptions(Section):
    """One raw file."""

    file: Path = Field(description="NeXus file of BIFROST, or a table of tube, x, t (.csv)")
    a3: str | None = Field(
        None, description="sample table, as '12.5 deg', or the path of its log in the entry"
    )
    a4: Angle | None = Field(None, description="detector tank, as '50 deg'; default: its log")
    longest_gap: Time = Field(
        "2 s", description="entries of a3, a4 further apart hold instead of being joined"
    )
    geometry: Path | None = Field(
        None, description="of a table: raw file with the instrument; default: the design"
    )
    frames: Literal["detection", "source"] = Field(
        "detection", description="event_time_zero is the last pulse before, or the source pulse"
    )
    until: Time | None = Field(
        None,
        description="pulses that begin later after the first are left out, as '3600 s'; of a "
        "file that is still being written, the last one there when the reduction began",
    )


class PrimaryOptions(Section):
    """How the time at the sample becomes the incident energy."""

    mode: Literal["parked", "spinning", "table"] = Field(
        "parked", description="of the pulse-shaping choppers; table: from all choppers"
    )
    emission_time: Time | None = Field(
        None, description="mean time of emission; else t0 + t_rise + tau/2"
    )
    t0: Time = Field("0 ms", description="beginning of the emission after the pulse's stamp")
    t_rise: Time = Field("0.29 ms", description="from there to half of the maximum")
    tau: Time = Field("2.86 ms", description="full width of the emission at half maximum")
    earliest_at_sample: Time | None = Field(
        None, description="first arrival at the sample, where the choppers do not say it"
    )
    latest_at_sample: Time | None = Field(
        None, description="last arrival; what is later, up to a period, is forbidden time"
    )
    psc_time: Time | None = Field(
        None, description="spinning: middle of the opening; default: from the choppers"
    )
    psc_distance: Length | None = Field(
        None, description="spinning: from the moderator to between the discs"
    )
    length: Length | None = Field(
        None, description="from the moderator to the sample; default: the file's"
    )
    wavelengths: tuple[float, float] = Field(
        (0.5, 12.0), description="that the source is taken to give, for the choppers; Å"
    )
    table: Path | None = Field(
        None, description="table: file of wavelengths by distance and time; default: computed"
    )
    source_offset: Time = Field("0 us", description="time zero: added to the emission")
    chopper_offset: Time = Field("0 us", description="time zero: added to the choppers' times")
    time_zero: Time | None = Field(
        None, description="added to both: how late neutrons are stamped; see calibrate"
    )

    @model_validator(mode="after")
    def _consistent(self) -> PrimaryOptions:
        if (self.psc_time is None) != (self.psc_distance is None):
            raise ValueError("[primary] psc_time and psc_distance: give both or neither")
        if self.latest_at_sample is not None and self.earliest_at_sample is None:
            raise ValueError("[primary] latest_at_sample needs earliest_at_sample")
        if not 0.0 <= self.wavelengths[0] < self.wavelengths[1]:
            raise ValueError(f"[primary] wavelengths {self.wavelengths} do not ascend from 0")
        return self


class ReflectionOptions(Section):
    """A Bragg reflection that was found, elastic and in the horizontal plane."""

    hkl: Vector = Field(description="its index")
    a3: float = Field(description="sample table as logged, degrees")
    A4: float = Field(description="scattering angle from the beam, degrees")


class SampleOptions(Section):
    """The crystal; without a cell there is no hkl."""

    cell: Cell | None = Field(None, description="a, b, c, alpha, beta, gamma; Å and degrees")
    u: Vector | None = Field(None, description="hkl parallel to the beam at a3 + offset = 0")
    v: Vector | None = Field(None, description="hkl towards +x then, so that u x v points up")
    reflection: list[ReflectionOptions] = Field(
        default_factory=list, max_length=2, description="two, in place of u and v"
    )
    orientation: tuple[Vector, Vector, Vector] | None = Field(
        None, description="matrix U in place of them, by rows"
    )
    offset: float = Field(0.0, description="added to a3, degrees")

    @model_validator(mode="after")
    def _one_way(self) -> SampleOptions:
        if (self.u is None) != (self.v is None):
            raise ValueError("[sample] u and v: give both or neither")
        given = [self.u is not None, bool(self.reflection), self.orientation is not None]
        if sum(given) != (0 if self.cell is None else 1):
            raise ValueError(
                "[sample] takes a cell and one of: u and v, two [[sample.reflection]], "
                "orientation"
            )
        if len(self.reflection) == 1:
            raise ValueError("[sample] reflection: two are needed, there is one")
        return self


class MonitorOptions(Section):
    """The monitor that counts the incident beam."""

    name: str = Field("normalization_monitor", description="of its group in the file")
    offset: Time = Field("0 us", description="time zero: added to its times")
    empty: float = Field(
        0.01, ge=0, lt=1, description="bins below this fraction of the fullest are masked"
    )


#: What the diffuse chain calls [run]; here [[run]] lists the raw files.
SECTION = "[computing]"


class ComputingOptions(RunOptions):
    """How the work is done; does not change results, but for rounding on another device."""

    device: Device = Field("cpu", description="that sums the coverage: cpu or gpu")

    events: int = Field(
        4_000_000, ge=1, description="of a shard, which is what a killed run may lose"
    )

    @model_validator(mode="after")
    def _whole(self) -> ComputingOptions:
        if self.failures == "skip":
            raise ValueError(
                "[computing] failures = 'skip': without some events S would be too low, as "
                "their coverage stays; only 'stop' is possible"
            )
        return self


class SpectroscopyOptions(Section):
    """The whole configuration of a neutron run."""

    output: OutputOptions = OutputOptions()
    run: list[RunFileOptions] = Field(default_factory=list)
    primary: PrimaryOptions = PrimaryOptions()
    sample: SampleOptions = SampleOptions()
    monitor: MonitorOptions = MonitorOptions()
    mask: EventMaskOptions = EventMaskOptions()
    calibration: CalibrationOptions = CalibrationOptions()
    calibrate: CalibrateOptions = CalibrateOptions()
    vanadium: VanadiumOptions | None = None
    background: BackgroundOptions | None = None
    time_background: TimeBackgroundOptions | None = None
    normalise: NormaliseOptions = NormaliseOptions()
    cut: list[Cut] = Field(default_factory=list)
    computing: ComputingOptions = ComputingOptions()
    export: ExportOptions = ExportOptions()
    sample_factors: SampleFactorOptions | None = None
