"""The commands ``ewaldite diffuse slice``, ``line`` and ``convert``, on finished maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

Map = Annotated[Path, Parameter(help="map.nxs, another map of a run, or pdf.nxs")]
Output = Annotated[
    Path | None, Parameter(name=["--output", "-o"], help="file: .png, .svg, .pdf or .csv")
]
Vector = Annotated[
    tuple[float, float, float] | None,
    Parameter(help="three numbers, r.l.u. (of the PDF Å)", negative=()),
]


def register(diffuse: App) -> None:
    """Add the commands."""
    for command in (slice_, line, convert):
        diffuse.command(command, name=command.__name__.rstrip("_"))


def slice_(
    map_file: Map,
    *,
    plane: Annotated[
        str | None, Parameter(help="as hk0, hhl, 'h k 1/2'; of the PDF uv0")
    ] = None,
    u: Vector = None,
    v: Vector = None,
    origin: Vector = None,
    thickness: Annotated[float, Parameter(help="averaged over, 1/Å; of the PDF Å")] = 0.0,
    limits: Annotated[
        tuple[float, float] | None,
        Parameter(help="of the colours, in the map's unit", negative=()),
    ] = None,
    colours: Annotated[str | None, Parameter(help="colour map of matplotlib")] = None,
    rings: Annotated[
        list[float] | None,
        Parameter(help="spacings drawn as circles, Å", consume_multiple=True, negative=()),
    ] = None,
    output: Output = None,
) -> None:
    """Draw a plane through a map on its true axes."""
    from ewaldite.diffuse.maps.picture_options import SliceOptions, checked
    from ewaldite.plot.map_pictures import draw_slice_file, file_name, read_map

    given: dict[str, object] = {
        "plane": plane,
        "u": u,
        "v": v,
        "origin": origin,
        "thickness": thickness,
    }
    given |= {"limits": limits, "colours": colours, "rings": rings}
    if plane is None and u is None and v is None:
        given["plane"] = "hk0"
    options = checked(SliceOptions, given, f"draw a plane of {map_file}")
    array, cell = read_map(map_file)
    name = file_name(options.plane or options.spec.name)
    target = output or map_file.with_name(f"{map_file.stem}_{name}.png")
    draw_slice_file(array, cell, options, [target])
    _say(target)


def line(
    map_file: Map,
    *,
    start: Vector = None,
    end: Vector = None,
    direction: Vector = None,
    origin: Vector = None,
    radius: Annotated[float, Parameter(help="averaged over, 1/Å; of the PDF Å")] = 0.0,
    number: Annotated[int | None, Parameter(help="of points")] = None,
    output: Output = None,
) -> None:
    """Draw the intensity along a line through a map, with error bars."""
    from ewaldite.diffuse.maps.picture_options import LineOptions, checked
    from ewaldite.plot.map_pictures import draw_line_file, read_map

    given: dict[str, object] = {
        "start": start,
        "end": end,
        "direction": direction,
        "origin": origin,
    }
    given |= {"radius": radius, "number": number}
    options = checked(LineOptions, given, f"draw a line of {map_file}")
    array, cell = read_map(map_file)
    target = output or map_file.with_name(f"{map_file.stem}_line.png")
    draw_line_file(array, cell, options, [target])
    _say(target)


def convert(
    result: Annotated[Path, Parameter(help="map, PDF or merged table of a run")],
    *,
    to: Annotated[Literal["ccp4", "mtz", "csv"], Parameter(help="format")],
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="file to write")
    ] = None,
    missing: Annotated[
        float | None, Parameter(help="value of absent voxels in CCP4; default: NaN")
    ] = None,
) -> None:
    """Write a result in a format of other programs."""
    from ewaldite.diffuse.maps.files import export_file

    _say(export_file(result, to, output, missing=missing))


def _say(target: Path) -> None:
    Console().print(f"Wrote {target}", markup=False, highlight=False, soft_wrap=True)
