"""BIFROST as it was designed: for tables of events that come without a raw file.

Numbers of the instrument description from which ESS makes its NeXus files (moreniius,
bifrost.instr.json); distances repeat every three channels, because analysers are staggered.
"""

from __future__ import annotations

from ewaldite.geometry.triplet import ARCS, CHANNELS, Triplet, design_triplet
from ewaldite.tables.neutron import GRAPHITE_002

#: Angle of the channels' arms in the tank, degrees.
ARM = tuple(10.0 * (channel - 4) for channel in range(CHANNELS))
#: Half of the take-off angle by arc, degrees, downwards.
HALF_TAKE_OFF = (
    *(-55.11686361324948, -48.89554296489496, -43.74660612617149),
    *(-39.985775500642646, -37.07140107555969),
)
#: From the analyser to the detector by arc, m.
ANALYSER_DETECTOR = (1.189, 1.316, 1.420, 1.521, 1.623)
#: From the sample to the analyser by channel (modulo three) and arc, m.
SAMPLE_ANALYSER = (
    (1.100, 1.238, 1.342, 1.443, 1.557),
    (1.189, 1.316, 1.420, 1.521, 1.623),
    (1.276, 1.392, 1.497, 1.599, 1.701),
)
#: Length of the tubes by channel (modulo three) and arc, m.
TUBE_LENGTH = (
    (0.2279, 0.2520, 0.2708, 0.2892, 0.3088),
    (0.2360, 0.2590, 0.2779, 0.2963, 0.3148),
    (0.2439, 0.2659, 0.2849, 0.3034, 0.3219),
)


def design_triplets() -> tuple[Triplet, ...]:
    """All 45 triplets, channel by channel and in each arc by arc."""
    return tuple(
        design_triplet(
            channel,
            arc,
            arm=ARM[channel],
            sample_analyser=SAMPLE_ANALYSER[channel % 3][arc],
            analyser_detector=ANALYSER_DETECTOR[arc],
            half_take_off=HALF_TAKE_OFF[arc],
            half_length=TUBE_LENGTH[channel % 3][arc] / 2.0,
            d_spacing=GRAPHITE_002,
        )
        for channel in range(CHANNELS)
        for arc in range(ARCS)
    )
