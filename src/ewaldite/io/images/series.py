"""What a series of detector images is, whatever its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray, IntArray, Sensor

BoolArray = NDArray[np.bool_]
Image = NDArray[np.integer[Any]]


class FrameError(UserError):
    """One frame cannot be read: missing, truncated, corrupt or of another size.

    A caller that skips and counts bad frames catches this and nothing wider.
    """


@dataclass(frozen=True)
class ImageMetadata:
    """What the image files say about the experiment; None where they do not say it.

    Attributes
    ----------
    wavelength:
        Å.
    exposure:
        Time during which photons were counted (CBF ``Exposure_time``, NXmx ``count_time``);
        dims (frame), s, float64.
    period:
        Time from frame to frame (CBF ``Exposure_period``, NXmx ``frame_time``), for the clock
        only; dims (frame), s, float64.
    phi:
        Spindle angle at the middle of the frame; dims (frame), degrees, float64.
    width:
        Angle swept by the frame with the sign of the file, 0 for a still; dims (frame), deg.
    pixel_size:
        (fast, slow), mm.
    distance:
        mm.
    beam_centre:
        (fast, slow) as written in the file, pixels.
    overload:
        Smallest count that is **not** valid.
    sensor:
        Material and thickness.
    polarization_fraction:
        In the convention of XDS (0.5 is unpolarized).
    detector:
        Name of the detector.
    transmission:
        Transmitted fraction of the attenuators.
    pedestal:
        Constant added to every count by the detector's software.
    monitor:
        Intensity of the incident beam, as a rate in any unit (CBF ``Flux``, NXmonitor counts
        over the counting time, NXbeam ``total_flux``); dims (frame), float64; NaN where a
        frame does not say it.
    monitor_name:
        Which of these it is.
    dead_time:
        Of a pixel, s.
    rate_corrected:
        Whether the detector's software has corrected the counts for it.
    notes:
        Values in conflict, defaults assumed.
    """

    wavelength: float | None = None
    exposure: FloatArray | None = None
    period: FloatArray | None = None
    phi: FloatArray | None = None
    width: FloatArray | None = None
    pixel_size: tuple[float, float] | None = None
    distance: float | None = None
    beam_centre: tuple[float, float] | None = None
    overload: int | None = None
    sensor: Sensor | None = None
    polarization_fraction: float | None = None
    detector: str | None = None
    transmission: float | None = None
    pedestal: float | None = None
    monitor: FloatArray | None = None
    monitor_name: str | None = None
    dead_time: float | None = None
    rate_corrected: bool | None = None
    notes: tuple[str, ...] = ()


class ImageSeries(Protocol):
    """Images of one size that are read one at a time, from any number of threads.

    Nothing but headers is read before the first ``read``. A series can be pickled: another
    process opens its own files.
    """

    @property
    def frames(self) -> IntArray:
        """Frame numbers as in the file names or 1-based in an HDF5 series; dims (frame)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels (slow, fast)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Integer type of the counts."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files that hold the frames, in order."""

    @property
    def metadata(self) -> ImageMetadata:
        """What the files say about the experiment, read at first use."""

    @property
    def markers(self) -> tuple[int, ...]:
        """Counts that mean "no data" beside all negative ones; see `no_data_markers`."""

    @property
    def missing(self) -> tuple[int, ...]:
        """Frame numbers inside the range that were skipped because they are missing."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the series."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def read(self, i: int, out: Image | None = None) -> Image:
        """Return the ``i``-th frame (0-based position, not number); dims (slow, fast), counts.

        Parameters
        ----------
        i:
            Position.
        out:
            An image that is no longer wanted: its memory may be used again.

        Raises
        ------
        FrameError
            If the frame is truncated, corrupt or of another size.
        """

    def source(self, i: int) -> str:
        """Name the file (and the image in it) of the ``i``-th frame, for messages."""

    def masks(self) -> dict[str, BoolArray]:
        """Return the static masks by name; True is excluded; dims (slow, fast)."""

    def digest(self) -> str:
        """Return a hash of names, sizes and modification times of the files."""

    def close(self) -> None:
        """Close what is open; a later ``read`` opens it again."""


def room_for(
    shape: tuple[int, int], dtype: np.dtype[np.integer[Any]], out: Image | None
) -> Image:
    """Return an array for an image: ``out`` if that is one for such an image, else a new one.

    Fresh memory for a frame costs as much as to decode it.
    """
    if out is not None and out.shape == shape and out.dtype == dtype:
        flags = out.flags
        if flags.c_contiguous and flags.writeable and flags.owndata:
            return out
    return np.empty(shape, dtype)


def no_data_markers(dtype: np.dtype[Any], bits: int | None = None) -> tuple[int, ...]:
    """Return the counts ``2^N − 2`` and ``2^N − 1`` that mean "no data" at ``N`` bits.

    Parameters
    ----------
    dtype:
        Integer type of the counts.
    bits:
        Bit depth of the image where the file states it; the width of ``dtype`` otherwise. A
        signed type without a stated depth has no markers but the negative numbers.

    Returns
    -------
    :
        (2^N − 2, 2^N − 1), or ().
    """
    if bits is None:
        if dtype.kind != "u":
            return ()
        bits = 8 * dtype.itemsize
    if dtype.kind == "i" and bits >= 8 * dtype.itemsize:
        return ()
    return (2**bits - 2, 2**bits - 1)


def files_digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the names, sizes and modification times of files.

    Raises
    ------
    FrameError
        If a file is gone.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise FrameError(
                f"look at {path}", f"{error.strerror}", "Restore the file and run again."
            ) from error
        digest.update(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
