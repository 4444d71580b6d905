"""Linear attenuation coefficients for X-rays, each with its source.

The table is that of xraylib (Schoonjans et al., Spectrochim. Acta B 66 (2011) 776; functions
``CS_Photo`` and ``CS_Total``). A sensor counts photons that it absorbs: its coefficient is
that of **photoelectric** absorption. Gas and windows lose what they scatter, too: theirs is the
**total** one.

Tables and choices differ. For silicon at 0.977 Å, in 1/mm: Henke's photoabsorption
(Henke, Gullikson & Davis, At. Data Nucl. Data Tables 54 (1993) 181, which mdx-lib has) 3.706;
xraylib photoelectric 3.798, nearest to it (2.5 % above; within 5 % from 0.5 to 2.5 Å);
xraylib total, with Rayleigh and Compton scattering, 3.932, which is what dxtbx has (3.931). The
6 % between the outer two are 2 % of the efficiency of a sensor of 0.45 mm; a scale factor takes
up the part of it that is common to all pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import scipp as sc

from ewaldite.errors import MissingExtraError, UserError
from ewaldite.model.experiment import Sensor
from ewaldite.tables.materials import GASES, SOLIDS, Gas

KEV_ANGSTROM = 12.398419843320026
"""hc in keV Å; CODATA 2018, exact."""

ROOM_TEMPERATURE = 293.15
"""K."""
STANDARD_ATMOSPHERE = 101.325
"""kPa."""

Process = Literal["photoelectric", "total"]


@dataclass(frozen=True)
class Attenuation:
    """An attenuation coefficient and where it is from.

    Attributes
    ----------
    coefficient:
        Linear attenuation coefficient; scalar, 1/mm, float64.
    source:
        Table, process, density and their sources, for the provenance.
    """

    coefficient: sc.Variable
    source: str


def attenuation(
    material: str,
    wavelength: float,
    *,
    process: Process = "total",
    density: float | None = None,
    temperature: float = ROOM_TEMPERATURE,
    pressure: float = STANDARD_ATMOSPHERE,
) -> Attenuation:
    r"""Linear attenuation coefficient of a material with its source.

    .. math:: \mu = \rho \sum_k w_k\, (\mu / \rho)_k

    over the mass fractions w of the elements.

    Parameters
    ----------
    material:
        ``"vacuum"``; a gas (``"air"``, ``"helium"``, ``"nitrogen"``) by name; a sensor material
        by name or formula (``"silicon"`` or ``"Si"``, Ge, GaAs, CdTe); or any chemical formula
        with a density.
    wavelength:
        Å.
    process:
        ``"photoelectric"`` for what a sensor absorbs, ``"total"`` for what is lost on a way.
    density:
        g/cm³; required for formulas that are not listed, and wins over what is listed.
    temperature, pressure:
        Of a gas, in K and kPa.

    Returns
    -------
    :
        Coefficient and source.

    Raises
    ------
    UserError
        If the material, its density or the cross-section at the wavelength is unknown, or a
        value is impossible.
    MissingExtraError
        If xraylib is not installed.
    """
    asked = f"look up the X-ray attenuation of {material!r} at {wavelength} Å"
    if material.strip().lower() == "vacuum":
        return Attenuation(sc.scalar(0.0, unit="1/mm"), "vacuum: no attenuation")
    _check_positive(asked, wavelength=wavelength, temperature=temperature, pressure=pressure)
    formula, grams, origin = _substance(asked, material, density, temperature, pressure)
    _check_positive(asked, density=grams)
    xraylib = _xraylib()
    mass = _mass_attenuation(asked, xraylib, formula, wavelength, process)
    # g/cm³ · cm²/g = 1/cm
    coefficient = sc.scalar(mass * grams, unit="1/cm").to(unit="1/mm")
    function = "CS_Photo" if process == "photoelectric" else "CS_Total"
    return Attenuation(
        coefficient,
        f"xraylib {xraylib.__version__} {function} ({process}), {formula}, "
        f"{grams:.6g} g/cm³: {origin}",
    )


def attenuation_coefficient(
    material: str,
    wavelength: float,
    *,
    process: Process = "total",
    density: float | None = None,
    temperature: float = ROOM_TEMPERATURE,
    pressure: float = STANDARD_ATMOSPHERE,
) -> sc.Variable:
    """Linear attenuation coefficient of a material.

    Parameters
    ----------
    material, wavelength, process, density, temperature, pressure:
        As in `attenuation`, which also tells the source.

    Returns
    -------
    :
        Coefficient; scalar, 1/mm, float64.

    Raises
    ------
    UserError, MissingExtraError
        As `attenuation`.
    """
    return attenuation(
        material,
        wavelength,
        process=process,
        density=density,
        temperature=temperature,
        pressure=pressure,
    ).coefficient


def sensor_attenuation(
    sensor: Sensor, wavelength: float, *, override: float | None = None
) -> Attenuation:
    """Absorption coefficient of a sensor: the option, the geometry file, or the table.

    Parameters
    ----------
    sensor:
        The sensor.
    wavelength:
        Å.
    override:
        Coefficient in 1/mm from the option ``attenuation_coefficient``.

    Returns
    -------
    :
        Coefficient and source.

    Raises
    ------
    UserError, MissingExtraError
        As `attenuation`.
    """
    if override is not None:
        _check_positive("use [corrections] attenuation_coefficient", coefficient=override)
        return Attenuation(
            sc.scalar(float(override), unit="1/mm"),
            "option [corrections] attenuation_coefficient",
        )
    if sensor.attenuation is not None:
        return Attenuation(
            sc.scalar(float(sensor.attenuation), unit="1/mm"), "the geometry file's own"
        )
    return attenuation(sensor.material, wavelength, process="photoelectric")


def _substance(
    asked: str, material: str, density: float | None, temperature: float, pressure: float
) -> tuple[str, float, str]:
    """Find formula, density in g/cm³, and the source of the density."""
    name = material.strip()
    gas: Gas | None = GASES.get(name.lower())
    if gas is not None:
        if density is not None:
            return gas.formula, density, f"density as given, {gas.source}"
        conditions = f"ideal gas at {temperature:.6g} K and {pressure:.6g} kPa"
        return gas.formula, gas.density(temperature, pressure), f"{conditions}, {gas.source}"
    formulas = {solid.formula.lower(): solid for solid in SOLIDS.values()}
    solid = SOLIDS.get(name.lower()) or formulas.get(name.lower())
    if density is not None:
        return (solid.formula if solid else name), density, "density as given"
    if solid is None:
        raise UserError(
            asked,
            "its density is not listed",
            f"Listed are vacuum, {', '.join(GASES)}, {', '.join(SOLIDS)}; for another chemical "
            "formula give the density in g/cm³, or [corrections] attenuation_coefficient.",
        )
    return solid.formula, solid.density, solid.source


def _mass_attenuation(
    asked: str, xraylib: Any, formula: str, wavelength: float, process: Process
) -> float:
    """Mass attenuation coefficient in cm²/g."""
    try:
        compound = xraylib.CompoundParser(formula)
    except ValueError as error:
        raise UserError(
            asked, f"{error}", "Write it as in CdTe, Gd2O2S or C10H8O4, with its density."
        ) from error
    energy = KEV_ANGSTROM / wavelength
    section = xraylib.CS_Photo if process == "photoelectric" else xraylib.CS_Total
    try:
        return float(
            sum(
                fraction * section(number, energy)
                for number, fraction in zip(
                    compound["Elements"], compound["massFractions"], strict=True
                )
            )
        )
    except ValueError as error:
        raise UserError(
            asked,
            f"xraylib has no cross-section at {energy:.6g} keV ({error})",
            "Check the wavelength, or give [corrections] attenuation_coefficient.",
        ) from error


def _check_positive(asked: str, **values: float) -> None:
    for name, value in values.items():
        if not 0.0 < value < float("inf"):
            raise UserError(asked, f"the {name} is {value}", "It must be a positive number.")


def _xraylib() -> Any:
    try:
        import xraylib
    except ImportError as error:
        raise MissingExtraError(
            "xraylib", "xray", "look up the X-ray attenuation of a material"
        ) from error
    return xraylib
