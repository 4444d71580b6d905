"""XDS.INP: keywords, and everything about a data set that the refined files leave out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, frame_range, read_text
from ewaldite.io.geometry.xds_model import Numbers, Segment, XdsGeometry
from ewaldite.model.experiment import IntArray, Region, Sensor

# a parameter is a string without blanks or exclamation marks that ends in an equal sign
KEYWORD = re.compile(r"([A-Z][A-Z0-9_.()'/-]*)=")


@dataclass(frozen=True)
class XdsInput:
    """The parameters of an XDS.INP.

    Attributes
    ----------
    path:
        The file.
    parameters:
        Name and value in the order of the file; names may repeat.
    """

    path: Path
    parameters: tuple[tuple[str, str], ...]

    def every(self, name: str, count: int) -> list[Numbers]:
        """All occurrences of a parameter of ``count`` numbers.

        Raises
        ------
        UserError
            If one has fewer, or something that is not a number.
        """
        return [self._parse(k, v, count) for k, v in self.parameters if k == name]

    def numbers(self, name: str, count: int) -> Numbers | None:
        """Last occurrence of a parameter of ``count`` numbers, or None.

        Raises
        ------
        UserError
            If it has fewer, or something that is not a number.
        """
        found = self.every(name, count)
        return found[-1] if found else None

    def number(self, name: str) -> float | None:
        """Last occurrence of a parameter of one number, or None.

        Raises
        ------
        UserError
            If it is not a number.
        """
        found = self.numbers(name, 1)
        return None if found is None else found[0]

    def integer(self, name: str) -> int | None:
        """Last occurrence of a parameter of one whole number, or None.

        Raises
        ------
        UserError
            If it is not a number.
        """
        found = self.number(name)
        return None if found is None else round(found)

    def text(self, name: str) -> str | None:
        """First word of the last occurrence of a parameter, or None."""
        found = [v.split()[0] for k, v in self.parameters if k == name and v.strip()]
        return found[-1] if found else None

    def _parse(self, name: str, value: str, count: int) -> Numbers:
        try:
            values = tuple(float(word) for word in value.split()[:count])
        except ValueError:
            values = ()
        if len(values) < count or not np.all(np.isfinite(values)):
            raise UserError(
                asked(self.path),
                f"{name}= {value.strip()!r} should hold {count} number(s)",
                "Mend the line in the file.",
            )
        return values


def read_xds_inp(path: Path) -> XdsInput:
    """Read an XDS.INP.

    Parameters
    ----------
    path:
        The file.

    Returns
    -------
    :
        Its parameters.

    Raises
    ------
    UserError
        If the file cannot be read or holds no parameter.
    """
    inp = parse_parameters(path, read_text(path))
    if not inp.parameters:
        raise UserError(
            asked(path), "it holds no parameter of XDS (KEYWORD= value)", "Is it an XDS.INP?"
        )
    return inp


def parse_parameters(path: Path, text: str) -> XdsInput:
    """Find every ``KEYWORD= value`` in a text; several may share a line, ``!`` is a comment."""
    parameters = []
    for line in text.splitlines():
        code = line.split("!")[0]
        matches = list(KEYWORD.finditer(code))
        ends = [*(match.start() for match in matches), len(code)][1:]
        for match, end in zip(matches, ends, strict=False):
            parameters.append((match.group(1), code[match.end() : end].strip()))
    return XdsInput(path, tuple(parameters))


def geometry_of(inp: XdsInput) -> XdsGeometry:
    """Geometry that an XDS.INP states: the start of the refinement, not its result.

    Raises
    ------
    UserError
        If a parameter is malformed.
    """
    axes = tuple(inp.numbers(f"UNIT_CELL_{x}-AXIS", 3) for x in "ABC")
    a, b, c = axes
    size = inp.numbers("NX", 1), inp.numbers("NY", 1)
    pixel = inp.number("QX"), inp.number("QY")
    origin = inp.number("ORGX"), inp.number("ORGY")
    first = inp.integer("STARTING_FRAME")
    data_range = inp.numbers("DATA_RANGE", 2)
    if first is None and data_range is not None:
        first = round(data_range[0])
    return XdsGeometry(
        path=inp.path,
        wavelength=inp.number("X-RAY_WAVELENGTH"),
        beam=inp.numbers("INCIDENT_BEAM_DIRECTION", 3),
        axis=inp.numbers("ROTATION_AXIS", 3),
        starting_frame=first,
        starting_angle=inp.number("STARTING_ANGLE"),
        oscillation=inp.number("OSCILLATION_RANGE"),
        cell=inp.numbers("UNIT_CELL_CONSTANTS", 6),
        axes=(a, b, c) if a and b and c else None,
        space_group=inp.integer("SPACE_GROUP_NUMBER") or None,
        shape=(round(size[0][0]), round(size[1][0])) if size[0] and size[1] else None,
        pixel_size=_pair(pixel),
        origin=_pair(origin),
        distance=inp.number("DETECTOR_DISTANCE"),
        x_axis=inp.numbers("DIRECTION_OF_DETECTOR_X-AXIS", 3),
        y_axis=inp.numbers("DIRECTION_OF_DETECTOR_Y-AXIS", 3),
        segments=_segments(inp),
    )


def frames_of(inp: XdsInput) -> IntArray | None:
    """Frame numbers of DATA_RANGE less those of EXCLUDE_DATA_RANGE; dims (frame), int64.

    Returns
    -------
    :
        None where the file has no DATA_RANGE.

    Raises
    ------
    UserError
        If a range is malformed or nothing is left.
    """
    data_range = inp.numbers("DATA_RANGE", 2)
    if data_range is None:
        return None
    first_frame, last_frame = (round(x) for x in data_range)
    frames = frame_range(first_frame, last_frame, "DATA_RANGE", inp.path)
    for first, last in inp.every("EXCLUDE_DATA_RANGE", 2):
        frames = frames[(frames < first) | (frames > last)]
    if not frames.size:
        raise UserError(
            asked(inp.path),
            f"DATA_RANGE= {data_range[0]:g} {data_range[1]:g} leaves no frame",
            "Mend the range.",
        )
    return frames


def sensor_of(inp: XdsInput) -> Sensor | None:
    """Sensor that XDS corrected for: silicon, unless SILICON= gives another coefficient.

    ``SILICON=`` is the linear attenuation coefficient in 1/mm; XDS uses it for sensors of other
    materials as well. Without SENSOR_THICKNESS (or with 0) XDS does not correct parallax.

    Raises
    ------
    UserError
        If a parameter is malformed.
    """
    thickness = inp.number("SENSOR_THICKNESS")
    if not thickness or thickness <= 0.0:
        return None
    attenuation = inp.number("SILICON")
    return Sensor("Si", thickness, attenuation if attenuation and attenuation > 0.0 else None)


def regions_of(inp: XdsInput) -> tuple[Region, ...]:
    """Untrusted regions, moved from XDS' 1-based pixels to 0-based ones.

    XDS excludes the pixels strictly between the bounds of a rectangle, and those inside the
    ellipse that fits into its box.

    Raises
    ------
    UserError
        If one is malformed.
    """
    regions = []
    for kind, keyword in (("rectangle", "RECTANGLE"), ("ellipse", "ELLIPSE")):
        for n, (x1, x2, y1, y2) in enumerate(inp.every(f"UNTRUSTED_{keyword}", 4), 1):
            points = np.array([[x1, y1], [x2, y2]]) - 1.0
            name = f"XDS untrusted {kind} {n}"
            if kind == "rectangle":
                regions.append(Region("rectangle", points, name))
            else:
                regions.append(Region("ellipse", points, name))
    for n, corners in enumerate(inp.every("UNTRUSTED_QUADRILATERAL", 8), 1):
        points = np.array(corners).reshape(4, 2) - 1.0
        regions.append(Region("polygon", points, f"XDS untrusted quadrilateral {n}"))
    return tuple(regions)


def _pair(values: tuple[float | None, float | None]) -> Numbers | None:
    first, second = values
    return None if first is None or second is None else (first, second)


def _segments(inp: XdsInput) -> tuple[Segment, ...]:
    """Group the SEGMENT parameters: each SEGMENT= begins a new one."""
    groups: list[list[tuple[str, str]]] = []
    for name, value in inp.parameters:
        if name == "SEGMENT":
            groups.append([])
        if groups:
            groups[-1].append((name, value))
    segments = []
    for group in groups:
        part = XdsInput(inp.path, tuple(group))
        x1, x2, y1, y2 = (round(x) for x in part.every("SEGMENT", 4)[0])
        origin = part.number("SEGMENT_ORGX") or 0.0, part.number("SEGMENT_ORGY") or 0.0
        segments.append(
            Segment(
                limits=(x1, x2, y1, y2),
                origin=origin,
                distance=part.number("SEGMENT_DISTANCE") or 0.0,
                x_axis=part.numbers("DIRECTION_OF_SEGMENT_X-AXIS", 3) or (1.0, 0.0, 0.0),
                y_axis=part.numbers("DIRECTION_OF_SEGMENT_Y-AXIS", 3) or (0.0, 1.0, 0.0),
            )
        )
    return tuple(segments)
