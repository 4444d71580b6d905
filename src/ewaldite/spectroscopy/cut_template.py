"""Cuts that a new configuration begins with."""

from __future__ import annotations

import math

_Q_STEP, _ENERGY_STEP = 0.05, 0.1
# Where the monitor does not say how far Q (1/Å) and ω (meV) reach
_REACH = (3.0, -2.0, 4.0)

_OF_CRYSTAL = """\
# With [sample] cell, u and v, cuts may be along h, k, l and sums of them:
# [[cut]]
# name = "qh_e"
# axes = ["h", "energy_transfer"]
# bins = {{ h = [-2, 2, 0.05], energy_transfer = [{low}, {high}, 0.05] }}
# integrate = {{ k = [-0.1, 0.1], l = [-1.1, -0.9] }}"""


def cut_lines(reach: tuple[float, float, float] | None) -> list[str]:
    """A cut that needs no crystal, and one as a comment that does.

    Parameters
    ----------
    reach:
        Largest Q in 1/Å, lowest and highest energy transfer in meV; a guess if None.

    Returns
    -------
    :
        Lines of TOML.
    """
    q, low, high = reach or _REACH
    top = math.ceil(q / _Q_STEP) * _Q_STEP
    first = math.floor(low / _ENERGY_STEP) * _ENERGY_STEP
    last = math.ceil(high / _ENERGY_STEP) * _ENERGY_STEP
    ends = {"low": f"{first:.6g}", "high": f"{last:.6g}"}
    return [
        "",
        "# A cut: S against its axes, in bins from the first edge to the last by the step",
        "[[cut]]",
        'name = "powder"',
        'axes = ["Q", "energy_transfer"]',
        f"bins = {{ Q = [0, {top:.6g}, {_Q_STEP}], energy_transfer = "
        f"[{ends['low']}, {ends['high']}, {_ENERGY_STEP}] }}",
        "",
        *_OF_CRYSTAL.format(**ends).splitlines(),
    ]
