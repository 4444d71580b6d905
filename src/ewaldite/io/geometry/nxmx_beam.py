"""The beam of an NXmx file: wavelength and polarization."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, check_wavelength
from ewaldite.io.geometry.nxmx_axes import text_of
from ewaldite.model.experiment import Beam, FloatArray

ANGSTROM = {"angstrom": 1.0, "angstroms": 1.0, "å": 1.0, "a": 1.0, "nm": 10.0, "m": 1e10}
ELECTRONVOLT = {"ev": 1.0, "kev": 1e3}
HC = 12398.419843320026  # h·c in eV·Å, exact in the SI of 2019
STOKES = ("incident_polarisation_stokes", "incident_polarization_stokes")


def beam_of(path: Path, groups: list[h5py.Group], turn: FloatArray) -> tuple[Beam, list[str]]:
    r"""Beam along z of the file, with the polarization of its Stokes parameters.

    With (I, Q, U, V), Q > 0 being polarized along x of McStas (horizontal) and U > 0 along
    x + y, the degree of linear polarization is :math:`p = \sqrt{Q^2 + U^2}/I`, its direction
    has the angle :math:`\tfrac12\operatorname{atan2}(U, Q)` to x, and XDS' fraction is
    (1 + p)/2.

    Parameters
    ----------
    path:
        The file, for messages.
    groups:
        Its NXbeam groups, the preferred one first.
    turn:
        Rotation from the frame of McStas into ours; dims (row, column).

    Returns
    -------
    :
        The beam, and notes.

    Raises
    ------
    UserError
        If no group gives a wavelength or energy in a known unit.
    """
    beam = Beam(
        wavelength=check_wavelength(_wavelength(path, groups), path),
        direction=turn @ np.array([0.0, 0.0, 1.0]),
        polarization_normal=turn @ np.array([0.0, 1.0, 0.0]),
    )
    stokes = _first(groups, STOKES)
    if stokes is None:
        return beam, [f"{path} does not state the polarization (Stokes parameters)"]
    values = np.asarray(stokes[()], dtype=np.float64)
    if values.size % 4 or not values.size:
        return beam, [f"the Stokes parameters in {path} are not four numbers"]
    total, q, u, _ = values.reshape(-1, 4).mean(axis=0)
    degree = float(np.hypot(q, u) / total) if total > 0.0 else float("nan")
    if not degree <= 1.0 + 1e-6:
        return beam, [f"the Stokes parameters in {path} are not possible"]
    angle = 0.5 * np.arctan2(u, q)
    normal = turn @ np.array([-np.sin(angle), np.cos(angle), 0.0])
    fraction = (1.0 + min(degree, 1.0)) / 2.0
    return replace(beam, polarization_fraction=fraction, polarization_normal=normal), []


def _wavelength(path: Path, groups: list[h5py.Group]) -> float | None:
    dataset = _first(groups, ("incident_wavelength",))
    if dataset is not None:
        return float(np.mean(dataset[()])) * _factor(path, dataset, ANGSTROM, "angstrom")
    dataset = _first(groups, ("incident_energy",))
    if dataset is None:
        return None
    energy = float(np.mean(dataset[()])) * _factor(path, dataset, ELECTRONVOLT, "eV")
    return HC / energy if energy > 0.0 else None


def _first(groups: list[h5py.Group], names: tuple[str, ...]) -> h5py.Dataset | None:
    for group in groups:
        for name in names:
            if isinstance(group.get(name), h5py.Dataset):
                return group[name]
    return None


def _factor(path: Path, dataset: h5py.Dataset, units: dict[str, float], default: str) -> float:
    unit = text_of(dataset.attrs.get("units", default)).strip()
    if unit.lower() not in units:
        raise UserError(
            asked(path),
            f"'{dataset.name}' has the unit '{unit}'",
            f"Known units here are {', '.join(units)}.",
        )
    return units[unit.lower()]
