"""What a picture and a report need to know of a run, as one object that is a file."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.chopper_view import chopper_view, transmitted
from ewaldite.spectroscopy.event_tally import EventTally
from ewaldite.spectroscopy.monitor import Intervals, intervals
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.resolve_primary import pulse_of
from ewaldite.spectroscopy.run_input import RunInput

FloatArray = NDArray[np.float64]

#: Name of the file in the folder of results: a group of views, by the name of the run.
VIEWS = "runs.nxs"
# Rate below which the band is taken to have ended, of the largest one
_EDGE = 0.02


def view_run(
    run: RunInput, tally: EventTally, options: SpectroscopyOptions
) -> sc.DataGroup[Any]:
    """Sum up an open run for pictures and the report.

    It is small (13,500 pixels, one spectrum), and :func:`~ewaldite.io.nexus.save` takes it. A
    reduction writes one group of them, by the name of the file, as ``runs.nxs``.

    Parameters
    ----------
    run:
        The run.
    tally:
        What became of its events; empty if nobody counted.
    options:
        The configuration.

    Returns
    -------
    :
        ``file``; ``events``, ``masks`` (by name) and ``rejected``, numbers; ``pixels``, see
        :func:`pixel_view`; ``monitor``, see :func:`monitor_view`; ``choppers``, see
        :func:`~.chopper_view.chopper_view`; ``paths``, see
        :func:`~.chopper_view.transmitted`; ``way``, numbers of the way in: ``mode``,
        ``sample``, ``monitor``, ``reference`` (m), ``reference_time``, ``pulse_start``,
        ``pulse_end``, ``earliest``, ``period`` (s), ``band`` (Å, two); ``a3`` and
        ``a4``: lowest and highest value in degrees and the number of entries; ``notes``.
    """
    converter = run.converter
    primary, frames = converter.primary, converter.primary.frames
    monitor = monitor_view(run, options)
    pulse = pulse_of(options.primary)
    way = {
        "mode": options.primary.mode,
        "sample": primary.sample_distance,
        "monitor": float(monitor.coords["distance"].value),
        "reference": primary.reference_distance,
        "reference_time": primary.reference_time,
        "pulse_start": pulse.start,
        "pulse_end": pulse.end,
        "earliest": frames.earliest,
        "period": frames.period,
        "band": list(_band(monitor)),
    }
    corners = transmitted(
        pulse,
        run.raw.choppers,
        primary,
        _band(monitor),
        parked=options.primary.mode == "parked",
    )
    paths = [sc.array(dims=["corner", "axis"], values=one) for one in corners]
    instrument = converter.instrument
    angles = {
        name: [float(log.value.min()), float(log.value.max()), int(log.value.size)]
        for name, log in (("a3", instrument.a3), ("a4", instrument.a4))
    }
    until = frames.earliest + frames.period
    return sc.DataGroup(
        {
            "file": run.raw.path.name,
            "events": tally.total,
            "rejected": tally.nowhere + int(tally.rejected.sum()),
            "masks": tally.by_name(converter.bits.names),
            "pixels": pixel_view(run, tally),
            "monitor": monitor,
            "choppers": sc.DataGroup(
                {disc.name: chopper_view(disc, until) for disc in run.raw.choppers}
            ),
            "paths": sc.DataGroup({str(n): one for n, one in enumerate(paths)}),
            "way": way,
            **angles,
            "notes": list(dict.fromkeys(run.raw.notes)),
        }
    )


def pixel_view(run: RunInput, tally: EventTally) -> sc.DataArray:
    """Events by pixel.

    Parameters
    ----------
    run:
        The run.
    tally:
        Of its events.

    Returns
    -------
    :
        Events without a mask; dims (pixel), counts, float64; coordinates ``rejected`` (counts),
        ``detector_number``, ``arc``, ``channel``, ``tube``, ``position_in_tube`` (from 0), and
        a mask ``no_part`` of pixels that were left out as a whole.
    """
    one = run.converter.instrument
    names = {name: name for name in ("detector_number", "arc", "channel", "tube")}
    coords = {
        name: sc.array(dims=["pixel"], values=getattr(one, source), unit=None)
        for name, source in {**names, "position_in_tube": "pixel"}.items()
    }
    rejected = tally.rejected.astype(np.float64)
    return sc.DataArray(
        sc.array(dims=["pixel"], values=tally.kept.astype(np.float64), unit="counts"),
        coords={**coords, "rejected": sc.array(dims=["pixel"], values=rejected, unit="counts")},
        masks={"no_part": sc.array(dims=["pixel"], values=~run.keep)},
    )


def monitor_view(run: RunInput, options: SpectroscopyOptions) -> sc.DataArray:
    """Spectrum of the monitor over the whole run.

    Parameters
    ----------
    run:
        The run.
    options:
        The configuration; its [monitor].

    Returns
    -------
    :
        Counts with variances, in order of the wavelength; dims (wavelength), with edges in Å,
        ``duration`` (s) of every interval, ``name`` and ``distance`` (m) of the monitor.
    """
    monitor = run.raw.monitor(options.monitor.name)
    offset = parse_quantity(options.monitor.offset, "s", "[monitor] offset")
    where = intervals(monitor.edges - offset, monitor.distance, run.converter.primary)
    counts = where.gather(monitor.counts.sum(axis=0))
    return _spectrum(where, counts, monitor.name, monitor.distance)


def _spectrum(where: Intervals, counts: FloatArray, name: str, distance: float) -> sc.DataArray:
    dims, backwards = ["wavelength"], slice(None, None, -1)
    shown = counts[backwards].copy()
    edges = (2.0 * np.pi / where.edges)[backwards].copy()
    return sc.DataArray(
        sc.array(dims=dims, values=shown, variances=shown, unit="counts"),
        coords={
            "wavelength": sc.array(dims=dims, values=edges, unit="angstrom"),
            "duration": sc.array(dims=dims, values=where.duration[backwards].copy(), unit="s"),
            "name": sc.scalar(name),
            "distance": sc.scalar(distance, unit="m"),
        },
    )


def _band(monitor: sc.DataArray) -> tuple[float, float]:
    """Shortest and longest wavelength at which the monitor counted, Å."""
    rate = monitor.values / monitor.coords["duration"].values
    some = np.flatnonzero(rate > _EDGE * rate.max(initial=0.0))
    edges = monitor.coords["wavelength"].values
    if not some.size:
        return float(edges[0]), float(edges[-1])
    return float(edges[some[0]]), float(edges[some[-1] + 1])
