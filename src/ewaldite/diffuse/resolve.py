"""Corrections with the values that files and options supply, and where each came from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ewaldite.diffuse.options import CorrectionOptions
from ewaldite.errors import UserError
from ewaldite.geometry.absorption import PathSegment
from ewaldite.geometry.pixel_corrections import CorrectionSwitches
from ewaldite.io.images import ImageMetadata
from ewaldite.model.experiment import Beam, Panel, Sensor, Sweep
from ewaldite.model.quantity import parse_quantity
from ewaldite.tables.attenuation import attenuation, sensor_attenuation


@dataclass(frozen=True)
class Resolved:
    """What the corrections are made with.

    Attributes
    ----------
    switches:
        Corrections that are made.
    sensor_mu:
        Absorption coefficient of the sensor, 1/mm; None where it is not needed.
    path:
        Media between sample and detector.
    sources:
        Where the values came from, by name.
    """

    switches: CorrectionSwitches
    sensor_mu: float | None
    path: tuple[PathSegment, ...]
    sources: dict[str, str]


def resolve_corrections(
    sweep: Sweep, metadata: ImageMetadata, options: CorrectionOptions
) -> tuple[Sweep, Resolved, list[str]]:
    """Decide what every correction is made with: the option, then the files, then the tables.

    Parameters
    ----------
    sweep:
        Geometry as read.
    metadata:
        What the images say.
    options:
        The section ``[corrections]``.

    Returns
    -------
    :
        The sweep with polarization, sensor and parallax filled in; the corrections; notes.

    Raises
    ------
    UserError
        If a value that a correction needs is nowhere.
    """
    notes: list[str] = []
    sources: dict[str, str] = {}
    beam = _polarized(sweep.wedges[0].beam, metadata, options, notes, sources)
    sensor = _sensor(sweep.wedges[0].panels[0], metadata, options, sources)
    wedges = tuple(
        replace(
            wedge,
            beam=replace(
                wedge.beam,
                polarization_fraction=beam.polarization_fraction,
                polarization_normal=beam.polarization_normal,
            ),
            panels=tuple(_equipped(panel, sensor, options) for panel in wedge.panels),
        )
        for wedge in sweep.wedges
    )
    parallax = any(panel.parallax != "none" for panel in wedges[0].panels)
    switches = CorrectionSwitches(
        solid_angle=options.solid_angle,
        polarization=options.polarization,
        efficiency=options.efficiency,
        attenuation=options.attenuation,
        parallax=parallax,
    )
    mu = None
    if sensor is not None and (options.efficiency or parallax):
        override = options.attenuation_coefficient
        found = sensor_attenuation(
            sensor,
            beam.wavelength,
            override=None
            if override is None
            else parse_quantity(override, "1/mm", "[corrections] attenuation_coefficient"),
        )
        mu = float(found.coefficient.value)
        sources["sensor attenuation"] = f"{mu:.6g} /mm, {found.source}"
    path = _path(beam.wavelength, options, sources)
    return replace(sweep, wedges=wedges), Resolved(switches, mu, path, sources), notes


def _polarized(
    beam: Beam,
    metadata: ImageMetadata,
    options: CorrectionOptions,
    notes: list[str],
    sources: dict[str, str],
) -> Beam:
    if options.polarization_normal is not None:
        beam = replace(beam, polarization_normal=np.array(options.polarization_normal))
    known = beam.polarization_fraction
    if options.polarization_fraction is not None:
        fraction, source = options.polarization_fraction, "option polarization_fraction"
    elif known is not None and beam.polarization_measured:
        fraction, source = known, "the geometry file"
    elif metadata.polarization_fraction is not None:
        fraction, source = metadata.polarization_fraction, "the image headers"
    elif known is not None:
        fraction, source = known, "a default of the program that wrote the geometry"
        notes.append(
            f"polarization fraction {known:g} is {source}, not a measurement; give "
            "[corrections] polarization_fraction"
        )
    elif options.polarization:
        raise UserError(
            "correct for polarization",
            "no file says how far the beam is polarized",
            "Give [corrections] polarization_fraction (0.99 at most synchrotrons), or "
            "polarization = false.",
        )
    else:
        return beam
    sources["polarization"] = f"{fraction:g}, {source}"
    return replace(beam, polarization_fraction=fraction)


def _sensor(
    panel: Panel, metadata: ImageMetadata, options: CorrectionOptions, sources: dict[str, str]
) -> Sensor | None:
    known, source = panel.sensor, "the geometry file"
    if known is None and metadata.sensor is not None:
        known, source = metadata.sensor, "the image headers"
    material = options.sensor_material or (known.material if known else None)
    thickness = known.thickness if known else None
    if options.sensor_thickness is not None:
        thickness = parse_quantity(
            options.sensor_thickness, "mm", "[corrections] sensor_thickness"
        )
    if material is None or thickness is None:
        return None
    if options.sensor_material or options.sensor_thickness:
        source = "options sensor_material, sensor_thickness"
    attenuation_of_file = known.attenuation if known and not options.sensor_material else None
    sources["sensor"] = f"{material}, {thickness:g} mm, {source}"
    return Sensor(material, thickness, attenuation_of_file)


def _equipped(panel: Panel, sensor: Sensor | None, options: CorrectionOptions) -> Panel:
    if options.parallax is False:
        return replace(panel, sensor=sensor, parallax="none")
    if options.parallax is True:
        return replace(panel, sensor=sensor)
    return replace(panel, sensor=sensor, parallax=options.parallax)


def _path(
    wavelength: float, options: CorrectionOptions, sources: dict[str, str]
) -> tuple[PathSegment, ...]:
    if not options.attenuation or options.path == "vacuum":
        return ()
    if options.path_attenuation is not None:
        mu = parse_quantity(options.path_attenuation, "1/mm", "[corrections] path_attenuation")
        sources["path attenuation"] = f"{mu:.6g} /mm, option path_attenuation"
        return (PathSegment(mu),)
    found = attenuation(
        options.path,
        wavelength,
        temperature=parse_quantity(
            options.path_temperature, "K", "[corrections] path_temperature"
        ),
        pressure=parse_quantity(options.path_pressure, "kPa", "[corrections] path_pressure"),
    )
    sources["path attenuation"] = f"{float(found.coefficient.value):.6g} /mm, {found.source}"
    return (PathSegment(float(found.coefficient.value)),)
