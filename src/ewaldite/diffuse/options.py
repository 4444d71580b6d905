"""Options of the diffuse chain: the sections of its TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ewaldite.diffuse.absolute.options import AbsoluteOptions, ContentsOptions
from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.diffuse.maps.options import MapOptions
from ewaldite.diffuse.maps.pdf_options import PdfOptions
from ewaldite.diffuse.merging.options import MergeOptions
from ewaldite.diffuse.scaling.options import ScaleOptions
from ewaldite.diffuse.section import Section
from ewaldite.run.options import RunOptions

Switch = bool


class OutputOptions(Section):
    """Where results go."""

    directory: Path = Field(Path("out"), description="folder for results, made if absent")


class SweepOptions(Section):
    """One series of images with its geometry."""

    name: str = Field(
        pattern=r"^\w[\w .+-]*$",
        max_length=64,
        description="short name, used in file names and reports: letters, digits, _ - + .",
    )
    images: str | list[str] = Field(description="template with ####, list, or HDF5 master file")
    geometry: str | list[str] = Field(
        description="XPARM.XDS, GXPARM.XDS, folder with XDS.INP and INTEGRATE.LP, DIALS .expt, "
        "NXmx; a list where detector and crystal come from different files"
    )
    experiment: int | None = Field(None, ge=0, description="which experiment of a DIALS file")
    background: str | list[str] | None = Field(None, description="images without the crystal")
    frames: tuple[int, int] | None = Field(None, description="first and last frame number")
    exclude: list[int] = Field(default_factory=list, description="frame numbers to leave out")
    exposure: float | None = Field(None, gt=0, description="s a frame, where no file says it")
    background_exposure: float | None = Field(None, gt=0, description="s a background frame")
    transmission: float = Field(1.0, gt=0, description="beam transmission of the sweep")
    background_transmission: float | None = Field(
        None,
        gt=0,
        description="and of its background; default: the sweep's, times the ratio of the "
        "transmissions that the images of both name, unless a monitor is used",
    )
    monitor: float | list[float] | Literal["auto", "images", "none"] = Field(
        "auto",
        description="incident beam, as a rate in any unit: one number, one a frame, images: "
        "what these say, or none; auto: images, where those of the background say it too",
    )
    background_monitor: float | list[float] | None = Field(
        None, description="the same of the background frames; default: what these say"
    )
    monitor_reference: float | None = Field(
        None,
        gt=0,
        description="reading for which exposures stay what they are; default: the sweep's mean",
    )
    reindex: str = Field(
        "auto",
        description="operator to the common setting, as 'k,h,-l'; none; auto: by correlation "
        "with the other sweeps where the lattices leave a choice",
    )
    phi: list[float] | None = Field(None, description="degrees, one a frame, for stills")


class CrystalOptions(Section):
    """The crystal."""

    space_group: str | None = Field(None, description="name or number; else from the geometry")


class MaskOptions(Section):
    """Pixels that take no part."""

    file: Path | None = Field(None, description="TIFF, NPY or HDF5 image, non-zero is excluded")
    rectangles: list[tuple[float, float, float, float]] = Field(
        default_factory=list, description="fast_min, fast_max, slow_min, slow_max (0-based)"
    )
    ellipses: list[tuple[float, float, float, float]] = Field(
        default_factory=list, description="bounding boxes, as rectangles; the beam stop, say"
    )
    polygons: list[list[tuple[float, float]]] = Field(
        default_factory=list, description="vertices (fast, slow), 0-based"
    )
    resolution_rings: list[tuple[float, float]] = Field(
        default_factory=list, description="d ranges in Å that are left out: ice rings"
    )
    virtual_pixels: bool | Literal["auto"] = Field(
        "auto", description="pixels between the chips of Pilatus modules"
    )
    untrusted: bool = Field(
        True, description="use the regions and ice rings that the geometry file names"
    )
    minimum: int | None = Field(
        None,
        ge=0,
        description="smallest valid count, in every frame; default: the geometry's, or 0",
    )
    overload: int | None = Field(
        None, description="smallest count that is not valid, in every frame"
    )


class IntegrateOptions(Section):
    """Counting pixels into voxels."""

    wedge_degrees: float = Field(5.0, gt=0, description="for geometry that is not in blocks")
    oversample: int = Field(1, ge=1, description="sub-angles a frame; counts are drawn apart")
    seed: int = Field(0, ge=0, description="of the draws")
    missing: Literal["error", "skip"] = Field("error", description="unreadable frames")
    gain: float = Field(1.0, gt=0, description="detector units per photon")
    pedestal: float | None = Field(
        None, description="detector units at zero photons; default: what the images say, or 0"
    )


class CorrectionOptions(Section):
    """What is corrected, by name; and the values that the files lack."""

    solid_angle: Switch = Field(
        True, description="of a pixel, in mrad²; off: every pixel counts the same"
    )
    polarization: Switch = Field(True, description="of the scattered beam")
    efficiency: Switch = Field(
        True, description="of the sensor at the angle of incidence; needs its material"
    )
    attenuation: Switch = Field(True, description="on the path from sample to detector")
    parallax: bool | Literal["xds", "dials"] = Field(
        True, description="depth in the sensor; true: as the program that refined the geometry"
    )
    count_rate: Literal["none", "non_paralysable", "paralysable"] = Field(
        "none", description="photons that come in the dead time of a pixel"
    )
    dead_time: str | None = Field(
        None, description="of a pixel, as '120 ns', for count_rate; default: what images say"
    )
    polarization_fraction: float | None = Field(
        None, ge=0, le=1, description="0.99 at most synchrotrons, 0.5 is unpolarized"
    )
    polarization_normal: tuple[float, float, float] | None = Field(
        None, description="normal of the plane of polarization in the laboratory"
    )
    sensor_material: str | None = Field(None, description="Si, CdTe or GaAs")
    sensor_thickness: str | None = Field(None, description="with unit, as in '1 mm'")
    attenuation_coefficient: str | None = Field(None, description="of the sensor, as '3.7 /mm'")
    path: Literal["air", "helium", "vacuum"] = Field(
        "air", description="gas between sample and detector"
    )
    path_attenuation: str | None = Field(None, description="of the path, as '2.8e-4 /mm'")
    path_temperature: str = Field("293.15 K", description="of that gas")
    path_pressure: str = Field("101325 Pa", description="of that gas")


class DiffuseOptions(Section):
    """The whole configuration of a diffuse run."""

    output: OutputOptions = OutputOptions()
    sweep: list[SweepOptions] = Field(min_length=1)
    crystal: CrystalOptions = CrystalOptions()
    mask: MaskOptions = MaskOptions()
    filter: FilterOptions = FilterOptions()
    integrate: IntegrateOptions = IntegrateOptions()
    corrections: CorrectionOptions = CorrectionOptions()
    scale: ScaleOptions = ScaleOptions()
    merge: MergeOptions = MergeOptions()
    contents: ContentsOptions = ContentsOptions()
    absolute: AbsoluteOptions = AbsoluteOptions()
    map: MapOptions = MapOptions()
    pdf: PdfOptions = PdfOptions()
    run: RunOptions = RunOptions()

    @field_validator("sweep")
    @classmethod
    def _distinct_names(cls, sweep: list[SweepOptions]) -> list[SweepOptions]:
        names = [s.name for s in sweep]
        if len(set(names)) != len(names):
            raise ValueError(f"two sweeps have the same name among {names}")
        return sweep

    @model_validator(mode="after")
    def _pictures_of_the_pdf(self) -> DiffuseOptions:
        shown = {x.part for x in self.map.slice} | {x.part for x in self.map.line}
        if "pdf" in shown and not self.pdf.enabled:
            raise ValueError("map: a picture has part = 'pdf': set enabled = true in [pdf]")
        return self

    @model_validator(mode="after")
    def _resolution_in_order(self) -> DiffuseOptions:
        if self.map.d_min and self.map.d_max and self.map.d_min >= self.map.d_max:
            raise ValueError(f"map: d_min {self.map.d_min} is not below d_max {self.map.d_max}")
        return self
