r"""From sample to detector over an analyser: where a neutron was reflected, and its energy.

The analyser frame has its origin at the sample, x towards the middle blade of the analyser, z
up and y = z × x, so that A4 grows with y. The blades focus: all are taken to reflect from the
line through the middle blade along y. A detector at (x, y, z) then gives

.. math::

    \delta = \arctan \frac{y}{L_{sa} + L_{ad}}, \quad
    \mathbf P_a = L_{sa} (1, \tan\delta, 0), \quad
    \cos A_6 = \hat{\mathbf P}_a \cdot \widehat{(\mathbf P - \mathbf P_a)}, \quad
    \lambda_f = 2 d \sin (A_6/2)

with :math:`L_{sa}` from sample to middle blade and :math:`L_{ad}` from there to the detector in
the plane y = 0: that of the tube itself, as the three tubes of a triplet differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import energy, speed
from ewaldite.model.experiment import FloatArray

UP = np.array([0.0, 1.0, 0.0])


def analyser_frame(centre: ArrayLike) -> FloatArray:
    """Axes of the analyser frame in the laboratory.

    Parameters
    ----------
    centre:
        Middle blade from the sample, in the laboratory (z along the beam, y up), away from the
        vertical through the sample; dims (xyz), m, float64.

    Returns
    -------
    :
        Unit vectors x, y, z of the analyser frame as columns; dims (lab xyz, analyser xyz),
        dimensionless, float64.

    Raises
    ------
    UserError
        If the analyser is above, below or at the sample.
    """
    x = np.asarray(centre, dtype=np.float64)
    y = np.cross(UP, x)
    size = float(np.linalg.norm(y))
    if not size > 1e-9:
        raise UserError(
            "place an analyser",
            f"its centre {x.tolist()} m is not to the side of the sample",
            "Correct its transformations in the file.",
        )
    x, y = x / np.linalg.norm(x), y / size
    return np.stack([x, y, np.cross(x, y)], axis=-1)


@dataclass(frozen=True)
class Flight:
    """The way from sample to detector.

    Attributes
    ----------
    A4:
        Scattering angle from the beam, positive towards +x; dims (pixel), degrees, float64.
    direction:
        Unit vector from the sample to where the neutron was reflected; dims (pixel, xyz).
    reflection:
        That point from the sample; dims (pixel, xyz), m.
    k_f:
        Wavenumber; dims (pixel), 1/Å.
    energy:
        dims (pixel), meV.
    path:
        From sample to detector; dims (pixel), m.
    time:
        On that path; dims (pixel), s.
    """

    A4: FloatArray
    direction: FloatArray
    reflection: FloatArray
    k_f: FloatArray
    energy: FloatArray
    path: FloatArray
    time: FloatArray


def follow(position: ArrayLike, centre: ArrayLike, d_spacing: float) -> Flight:
    """Follow neutrons from the sample over an analyser to points of a detector.

    Formulas are those at the top of this module; the path is
    :math:`|P_a| + |P - P_a|`.

    Parameters
    ----------
    position:
        Points where neutrons are counted, from the sample in the laboratory; dims (pixel, xyz),
        m, float64.
    centre:
        Middle blade of the analyser; dims (xyz), m.
    d_spacing:
        Of its planes; Å.

    Returns
    -------
    :
        Angles, energies, paths and times.

    Raises
    ------
    UserError
        If the analyser is not to the side of the sample.
    """
    frame = analyser_frame(centre)
    local = np.asarray(position, dtype=np.float64) @ frame
    sample_analyser = float(np.linalg.norm(centre))
    in_plane = np.hypot(local[:, 0] - sample_analyser, local[:, 2])
    tangent = local[:, 1] / (sample_analyser + in_plane)
    reflection = np.zeros_like(local)
    reflection[:, 0] = sample_analyser
    reflection[:, 1] = sample_analyser * tangent
    first = sample_analyser * np.sqrt(1.0 + tangent**2)
    onward = local - reflection
    second = np.linalg.norm(onward, axis=1)
    # |a - b| = 2 sin(A6/2) of unit vectors keeps its digits where the arc cosine loses them
    chord = np.linalg.norm(reflection / first[:, None] - onward / second[:, None], axis=1)
    k_f = 2.0 * np.pi / (d_spacing * chord)
    path = first + second
    place = reflection @ frame.T
    return Flight(
        A4=np.rad2deg(np.arctan2(place[:, 0], place[:, 2])),
        direction=place / first[:, None],
        reflection=place,
        k_f=k_f,
        energy=energy(k_f),
        path=path,
        time=path / speed(k_f),
    )


def simple_path(
    along: ArrayLike, sample_analyser: float, analyser_detector: float
) -> FloatArray:
    r"""Path from sample to detector as if all tubes were the middle one.

    .. math:: L = \frac{L_{sa} + L_{ad}}{\cos\delta}

    With the distance of the tube itself as :math:`L_{ad}` this is the exact path, by similar
    triangles; with the nominal one of the triplet it differs for the outer tubes.

    Parameters
    ----------
    along:
        y of the detector in the analyser frame; dims (pixel), m, float64.
    sample_analyser, analyser_detector:
        In the plane y = 0; m.

    Returns
    -------
    :
        dims (pixel), m, float64.
    """
    total = sample_analyser + analyser_detector
    return np.asarray(np.hypot(total, np.asarray(along, dtype=np.float64)))
