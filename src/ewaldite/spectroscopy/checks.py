"""What can be known to be wrong in a configuration before any work is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ewaldite.crystal.symmetry import check_cell
from ewaldite.errors import UserError
from ewaldite.io.nexus import is_result
from ewaldite.spectroscopy.backend_file import read_efficiency
from ewaldite.spectroscopy.cut_grid import cut_grid
from ewaldite.spectroscopy.cut_options import VanadiumOptions
from ewaldite.spectroscopy.cut_setup import group_of, operations_of
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.resolve import sample_frame
from ewaldite.spectroscopy.run_view import VIEWS
from ewaldite.spectroscopy.sample_factors import sample_factors
from ewaldite.spectroscopy.time_level import LEVEL
from ewaldite.spectroscopy.vanadium_step import VANADIUM


def check(options: SpectroscopyOptions, base: Path) -> None:
    """Refuse a configuration that makes nothing, or of which something is missing.

    Parameters
    ----------
    options:
        The configuration.
    base:
        Folder to which paths refer.

    Raises
    ------
    UserError
        If there is no run or no cut, two cuts have the same name, a file is given twice or is
        not there, a group does not fit the cell, or factors of the sample cannot be had.
    """
    for what, given in (("[[run]]", options.run), ("[[cut]]", options.cut)):
        if not given:
            raise UserError(
                "reduce to S(Q, ω)", f"the configuration has no {what}", f"Add a {what}."
            )
    frame = sample_frame(options.sample)
    sample_factors(options.sample_factors, frame)
    names = [cut.name for cut in options.cut]
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise UserError(
            "reduce to S(Q, ω)", f"two cuts are called '{doubled[0]}'", "Rename one."
        )
    for cut in options.cut:
        _check_group(cut.fold or options.normalise.point_group, options, cut.name)
        cut_grid(cut, None if frame is None else frame.to_hkl, operations_of(cut, options))
    _check_files(options, base)
    _check_results(options, base)
    _check_amount(options, base)


def check_target(
    target: Path, options: SpectroscopyOptions, base: Path, *more: Path | None
) -> None:
    """Refuse to write over a file that is read, the raw data above all.

    Parameters
    ----------
    target:
        File to write.
    options:
        The configuration.
    base:
        Folder to which its paths refer.
    more:
        Further files that are read.

    Raises
    ------
    UserError
        If it is one of them.
    """
    read = [base / file for _, file in _files(options)]
    read += [file for file in more if file is not None]
    if target.exists() and any(file.exists() and file.samefile(target) for file in read):
        raise UserError(
            f"write {target}",
            "it is read for this, and would be lost",
            "Give another name with --output.",
        )


def _check_group(name: str | None, options: SpectroscopyOptions, cut: str) -> None:
    if name is None or options.sample.cell is None:
        return
    group = group_of(name)
    try:
        check_cell(options.sample.cell, group)
    except UserError as error:
        raise UserError(
            f"fold the cut '{cut}' by the group '{name}'",
            error.found,
            "Give a group that the cell has, in the setting of the cell.",
        ) from None


def _check_amount(options: SpectroscopyOptions, base: Path) -> None:
    if options.normalise.amount is None or _is_absolute(options.vanadium, base):
        return
    raise UserError(
        "give S per formula unit ([normalise] amount)",
        "no vanadium of known mass puts S on an absolute scale",
        "Give [vanadium] file and mass, or leave amount out.",
    )


def _is_absolute(vanadium: VanadiumOptions | None, base: Path) -> bool:
    if vanadium is None:
        return False
    made = base / vanadium.file
    if is_result(made):
        return read_efficiency(made).backend.unit != "dimensionless"
    return vanadium.mass is not None


def _check_files(options: SpectroscopyOptions, base: Path) -> None:
    seen: set[Path] = set()
    for option, file in _files(options):
        path = base / file
        if not path.exists():
            raise UserError(
                f"read {path} ({option})",
                "there is no such file",
                "See whether its name is right; relative ones refer to the folder of the "
                "configuration.",
            )
        if option != "[[run]] file":
            continue
        if path.resolve() in seen:
            raise UserError(
                "combine the runs",
                f"{file} is given twice, and its events would count twice",
                "Leave one [[run]] of it.",
            )
        seen.add(path.resolve())


def _check_results(options: SpectroscopyOptions, base: Path) -> None:
    """Raw files that lie where a run writes a file of the same name."""
    out = (base / options.output.directory).resolve()
    results = {(out / name).resolve() for name in (VANADIUM, VIEWS, LEVEL)}
    given = options.vanadium
    for option, file in _files(options):
        path = base / file
        # an efficiency that lies there is told of where it is taken
        own = given is not None and file == given.file and is_result(path)
        if path.resolve() in results and not own:
            raise UserError(
                f"write {path}",
                f"it is read as {option}, and would be lost",
                "Give another [output] directory.",
            )


def _files(options: SpectroscopyOptions) -> Iterator[tuple[str, Path]]:
    """Files that the configuration names, by the option."""
    named = [("[[run]] file", run.file) for run in options.run]
    named += [("[[run]] geometry", run.geometry) for run in options.run if run.geometry]
    for section, given, keys in (
        ("vanadium", options.vanadium, ("file", "empty")),
        ("background", options.background, ("file",)),
        ("mask", options.mask, ("file",)),
        ("primary", options.primary, ("table",)),
    ):
        for key in keys:
            file = getattr(given, key, None)
            if file is not None:
                named.append((f"[{section}] {key}", file))
    yield from named
