"""NXspe files: spectra of all detectors in energy transfer, one file a setting of the sample.

An NXentry with ``definition`` NXSPE, and in it

* ``NXSPE_info`` (NXcollection): ``fixed_energy`` (meV; of an indirect spectrometer the final
  energy of *every detector*), ``psi`` (degrees), ``ki_over_kf_scaling`` (1: the spectra are
  multiplied by k_i/k_f);
* ``data`` (NXdata): ``data`` and ``error``, dims (detector, range); ``energy``, the edges, meV;
  ``polar``, ``azimuthal`` (degrees), ``distance`` (m) of each detector and their widths;
* ``instrument`` (NXinstrument) and ``sample`` (NXsample).

Ranges that were not measured are NaN with the error 0. Sources: SaveNXSPE of Mantid 6.11, which
writes an array of fixed energies for analysers that differ, and the loaders of Horace 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.io.atomic import PathLike, atomic_path

FloatArray = NDArray[np.float64]

_VERSION = "1.3"


@dataclass(frozen=True)
class NxspeHead:
    """What a file says beside its spectra.

    Attributes
    ----------
    program, version:
        That made it.
    instrument:
        Its name.
    fixed_energy:
        Final energy of each detector; dims (detector), meV.
    energy:
        Edges of the energy transfer; dims (range + 1), meV.
    psi:
        Angle of the sample, degrees.
    direction:
        From the sample, z along the beam, y up; dims (detector, xyz), unit vectors.
    distance:
        From the sample over the analyser; dims (detector), m.
    width:
        Of a detector in the scattering angle; dims (detector), degrees.
    unit:
        Of the spectra.
    """

    program: str
    version: str
    instrument: str
    fixed_energy: FloatArray
    energy: FloatArray
    psi: float
    direction: FloatArray
    distance: FloatArray
    width: FloatArray
    unit: str


def write_nxspe(path: PathLike, head: NxspeHead) -> None:
    """Write a file in which nothing is measured yet; see :func:`put_spectra`.

    Parameters
    ----------
    path:
        The file; one of this name is replaced.
    head:
        What it says.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    x, y, z = head.direction.T
    detectors, ranges = head.fixed_energy.size, head.energy.size - 1
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        entry = _group(file, "ewaldite", "NXentry")
        entry["definition"] = "NXSPE"
        entry["definition"].attrs["version"] = _VERSION
        entry["program_name"] = head.program
        entry["program_name"].attrs["version"] = head.version
        info = _group(entry, "NXSPE_info", "NXcollection")
        _put(info, "fixed_energy", head.fixed_energy, "meV")
        _put(info, "psi", np.array([head.psi]), "degrees")
        info["ki_over_kf_scaling"] = np.array([1], np.int32)
        instrument = _group(entry, "instrument", "NXinstrument")
        instrument["name"] = head.instrument
        instrument["name"].attrs["short_name"] = head.instrument[:3]
        sample = _group(entry, "sample", "NXsample")
        _put(sample, "rotation_angle", np.array([head.psi]), "degrees")
        data = _group(entry, "data", "NXdata")
        data.attrs["signal"] = "data"
        data.attrs["axes"] = [".", "energy"]
        # a triplet of 300 pixels at once
        options = {
            "chunks": (min(300, detectors), ranges), "compression": "gzip",
            "compression_opts": 1, "shuffle": True,
        }  # fmt: skip
        shape = (detectors, ranges)
        data.create_dataset("data", shape, "<f8", fillvalue=np.nan, **options)
        data.create_dataset("error", shape, "<f8", fillvalue=0.0, **options)
        data["data"].attrs["units"] = head.unit
        data["error"].attrs["units"] = head.unit
        _put(data, "energy", head.energy, "meV")
        _put(data, "polar", np.rad2deg(np.arctan2(np.hypot(x, y), z)), "degrees")
        _put(data, "azimuthal", np.rad2deg(np.arctan2(y, x)), "degrees")
        _put(data, "distance", head.distance, "m")
        _put(data, "polar_width", head.width, "degrees")
        # the blade-centre model knows no height
        _put(data, "azimuthal_width", np.zeros(detectors), "degrees")


def put_spectra(path: PathLike, first: int, signal: FloatArray, error: FloatArray) -> None:
    """Put spectra into a file of :func:`write_nxspe`.

    Parameters
    ----------
    path:
        The file.
    first:
        Row of the first detector.
    signal, error:
        dims (detector, range).
    """
    with h5py.File(path, "r+") as file:
        data = file["ewaldite/data"]
        data["data"][first : first + len(signal)] = signal
        data["error"][first : first + len(signal)] = error


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _put(parent: h5py.Group, name: str, value: FloatArray, unit: str) -> None:
    parent.create_dataset(name, data=np.asarray(value, np.float64)).attrs["units"] = unit
