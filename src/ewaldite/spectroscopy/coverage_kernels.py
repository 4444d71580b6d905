"""Which kernels sum a coverage: those of the processor, or those of a GPU."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from ewaldite.errors import UserError
from ewaldite.kernels.coverage import by_pixel
from ewaldite.kernels.coverage_readings import by_interval
from ewaldite.run.options import Device


@dataclass(frozen=True)
class Kernels:
    """Functions with the arguments and results of those of the processor.

    Attributes
    ----------
    by_pixel, by_interval:
        See :func:`ewaldite.kernels.coverage.by_pixel` and
        :func:`ewaldite.kernels.coverage_readings.by_interval`.
    """

    by_pixel: Callable[..., int]
    by_interval: Callable[..., int]


@cache
def kernels_on(device: Device) -> Kernels:
    """Kernels of a device.

    Those of a GPU take turns: one part of the work fills it, a second one beside it would only
    take more of its memory.

    Parameters
    ----------
    device:
        ``"cpu"``, or ``"gpu"`` for one of NVIDIA that numba finds. Sums agree within rounding.

    Raises
    ------
    UserError
        If there is no GPU that numba can use.
    """
    if device == "cpu":
        return Kernels(by_pixel, by_interval)
    from numba import cuda

    if not cuda.is_available():
        raise UserError(
            "sum the coverage on a GPU",
            "numba finds no GPU of NVIDIA with a driver that it can use",
            "Install 'ewaldite[gpu]' and the driver, or set [computing] device = 'cpu'.",
        )
    from ewaldite.kernels.cuda import coverage as gpu

    # a small cut leaves most of a GPU idle, which is no reason to warn its user
    warnings.filterwarnings("ignore", message=".*low occupancy")
    return Kernels(_in_turns(gpu.by_pixel), _in_turns(gpu.by_interval))


_TURN = threading.Lock()


def _in_turns(kernel: Callable[..., int]) -> Callable[..., int]:
    def call(*arguments: Any) -> int:
        with _TURN:
            return kernel(*arguments)

    return call
