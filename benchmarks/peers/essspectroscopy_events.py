"""What essspectroscopy takes from raw events to a histogram; run by its own interpreter.

    python essspectroscopy_events.py RAW.nxs

Prints CPU and wall seconds after imports, peak memory in MB, and how many events are in the
histogram of 200 × 200 bins of (Q_x, energy transfer). The wavelength comes from a table of one
emission time, as in ``mode = "parked"``.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from typing import Any

import numpy as np
import scipp as sc

PERIOD = 1e6 / 14  # µs
EMISSION = 1720.0  # µs
EARLIEST = 143e3 / 162.0  # µs/m
SPEED = 3956.034  # Å m/s


def table() -> dict[str, Any]:
    """Wavelength by distance and time of arrival in its pulse."""
    distance = sc.linspace("distance", 120.0, 175.0, 56, unit="m")
    offset = sc.linspace("event_time_offset", 0.0, PERIOD, 301, unit="us")
    length, time_ = np.meshgrid(distance.values, offset.values, indexing="ij")
    arrival = time_ + np.ceil((EARLIEST * length - time_) / PERIOD) * PERIOD
    wavelength = SPEED * (arrival - EMISSION) * 1e-6 / length
    values = sc.array(
        dims=["distance", "event_time_offset"],
        values=wavelength,
        variances=np.zeros_like(wavelength),
        unit="angstrom",
    )
    coords = {"distance": distance, "event_time_offset": offset}
    return {
        "array": sc.DataArray(values, coords=coords),
        "pulse_period": sc.scalar(PERIOD, unit="us"),
        "pulse_stride": 1,
        "distance_resolution": distance[1] - distance[0],
        "time_resolution": offset[1] - offset[0],
    }


def main(path: str) -> None:
    warnings.simplefilter("ignore")
    import scippnexus as snx
    from ess.bifrost import BifrostSimulationWorkflow
    from ess.reduce.unwrap.types import LookupTable
    from ess.spectroscopy import types as t

    workflow = BifrostSimulationWorkflow()
    workflow[t.Filename[t.SampleRun]] = path
    workflow[LookupTable[t.SampleRun, snx.NXdetector]] = LookupTable(**table())
    workflow[t.PulseStrideOffset] = 0
    workflow[t.LookupTableRelativeErrorThreshold] = {"detector": 0.5}
    wall, cpu = time.perf_counter(), time.process_time()
    events = workflow.compute(t.IncidentEnergyDetector[t.SampleRun])
    graph = workflow.compute(t.InelasticCoordTransformGraph)
    wanted = ["energy_transfer", "sample_table_momentum_transfer"]
    events = events.transform_coords(wanted, graph=graph).bins.concat().copy()
    events.bins.coords["Q_x"] = events.bins.coords[wanted[1]].fields.x.copy()
    histogram = events.hist(
        energy_transfer=sc.linspace("energy_transfer", -3.0, 3.0, 201, unit="meV"),
        Q_x=sc.linspace("Q_x", -3.0, 3.0, 201, unit="1/angstrom"),
    )
    found = {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "events": float(histogram.sum().value),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
