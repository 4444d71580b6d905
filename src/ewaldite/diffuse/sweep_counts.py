"""Which values of a sweep's images are counts, and what the detector's dead time took."""

from __future__ import annotations

from ewaldite.diffuse.count import NO_CEILING
from ewaldite.diffuse.dead_time import DeadTime
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.errors import UserError
from ewaldite.io.images import ImageMetadata, ImageSeries
from ewaldite.model.experiment import Sweep
from ewaldite.model.quantity import parse_quantity

_OPTION = "[corrections] count_rate"


def count_limits(options: DiffuseOptions, sweep: Sweep, images: ImageSeries) -> tuple[int, int]:
    """Smallest value that is a count, and smallest value above that is none.

    Parameters
    ----------
    options:
        The whole configuration; ``[mask] minimum`` and ``overload`` come first.
    sweep:
        Its trusted range comes last.
    images:
        Their overload and markers.

    Returns
    -------
    :
        Floor and ceiling: overload or marker, whichever is smaller.

    Raises
    ------
    UserError
        If nothing lies between them.
    """
    floor = options.mask.minimum
    if floor is None:
        floor = max(sweep.trusted_range[0], 0) if sweep.trusted_range is not None else 0
    limits = [NO_CEILING, *images.markers]
    if options.mask.overload is not None:
        limits.append(options.mask.overload)
    elif images.metadata.overload is not None:
        limits.append(images.metadata.overload)
    elif sweep.trusted_range is not None:
        limits.append(sweep.trusted_range[1])
    if floor >= min(limits):
        raise UserError(
            f"count the pixels of {images.source(0)}",
            f"the smallest valid count is {floor}, and counts from {min(limits)} on are no "
            "measurement",
            "Change [mask] minimum or overload.",
        )
    return floor, min(limits)


def dead_time_of(options: DiffuseOptions, metadata: ImageMetadata) -> DeadTime | None:
    """Dead time that counts are corrected for: the option, else what the images say.

    Parameters
    ----------
    options:
        The whole configuration.
    metadata:
        Of the images.

    Returns
    -------
    :
        The model; None where there is no correction.

    Raises
    ------
    UserError
        If nothing says the dead time, the counts are corrected already, or they are no
        photons.
    """
    corrections, integrate = options.corrections, options.integrate
    model = corrections.count_rate
    if model == "none":
        return None
    asked = f"correct count rates ({_OPTION} = '{model}')"
    if metadata.rate_corrected:
        raise UserError(
            asked,
            "the images say that their detector has corrected them already",
            f"Set {_OPTION} = 'none'.",
        )
    pedestal = metadata.pedestal if integrate.pedestal is None else integrate.pedestal
    if integrate.gain != 1.0 or pedestal:
        raise UserError(
            asked,
            f"gain {integrate.gain:g} and pedestal {pedestal or 0:g} say that the detector "
            "does not count photons",
            f"Set {_OPTION} = 'none'.",
        )
    tau = metadata.dead_time
    if corrections.dead_time is not None:
        tau = parse_quantity(corrections.dead_time, "s", "[corrections] dead_time")
    if tau is None or not tau > 0:
        raise UserError(
            asked,
            "nothing says the dead time of a pixel" if tau is None else f"it is {tau:g} s",
            "Give [corrections] dead_time, as in '120 ns', from the detector's manual.",
        )
    return DeadTime(model, tau)
