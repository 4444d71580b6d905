"""From a template, a list or a pattern of file names to numbered files.

A template stands for the frame number by ``####`` (DIALS), ``????`` (XDS) or ``%05d``; files
with ``.gz`` or ``.bz2`` behind the template's name are found too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ewaldite.errors import UserError

_FIELD = re.compile(r"#+|\?{2,}|%0?(\d*)d")
_PACKED = re.compile(r"\.(gz|bz2)$")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class NumberedFiles:
    """Files by frame number.

    Attributes
    ----------
    paths:
        File of each number.
    template:
        (folder, prefix, width, suffix) by which a missing file is named, or None where the
        numbers do not come from one template, so that gaps mean nothing.
    """

    paths: Mapping[int, Path]
    template: tuple[Path, str, int, str] | None

    def name(self, number: int) -> str:
        """Name the file of a frame number, existing or not."""
        if number in self.paths or self.template is None:
            return str(self.paths.get(number, f"frame {number}"))
        folder, prefix, width, suffix = self.template
        return str(folder / f"{prefix}{number:0{width}d}{suffix}")


def is_template(spec: str) -> bool:
    """Return whether a file name has a field for the frame number."""
    return _FIELD.search(Path(spec).name) is not None and "*" not in spec


def files_of_template(spec: str, base: Path) -> NumberedFiles:
    """Return the files that a template matches.

    Parameters
    ----------
    spec:
        The template; its folder is relative to ``base``.
    base:
        Folder of the configuration.

    Raises
    ------
    UserError
        If the template has several fields, its folder does not exist, or nothing matches.
    """
    whole = base / spec
    fields = list(_FIELD.finditer(whole.name))
    # A folder may have such a name, as "crystal#2"
    elsewhere = _FIELD.search(spec[: -len(whole.name)]) and not whole.parent.is_dir()
    if len(fields) > 1 or elsewhere:
        raise UserError(
            f"find the images {spec}",
            "the template has several fields for numbers",
            "Keep one run of '#' and write the others out.",
        )
    field = fields[0]
    width = int(field.group(1) or 1) if field.group().startswith("%") else len(field.group())
    prefix, suffix = whole.name[: field.start()], whole.name[field.end() :]
    pattern = re.compile(
        rf"{re.escape(prefix)}(\d{{{width},}}){re.escape(suffix)}(?:\.gz|\.bz2)?"
    )
    paths: dict[int, Path] = {}
    names = _names(whole.parent, spec)
    for name in names:
        match = pattern.fullmatch(name)
        # "00001" is not frame 1 of "####": a number wider than the field has no leading zero.
        if match and f"{int(match.group(1)):0{width}d}" == match.group(1):
            paths.setdefault(int(match.group(1)), whole.parent / name)
    if not paths:
        raise _nothing(whole, names)
    return NumberedFiles(paths, (whole.parent, prefix, width, suffix))


def files_of_list(files: Sequence[Path]) -> NumberedFiles:
    """Give listed files the number in which their names differ, or else number from 1.

    Parameters
    ----------
    files:
        Existing or missing files, in the order of the series; not empty.
    """
    parts = [_DIGITS.split(_stem(path)) for path in files]
    digits = [_DIGITS.findall(_stem(path)) for path in files]
    plain = all(p == parts[0] for p in parts) and len({path.parent for path in files}) == 1
    if plain and digits[0]:
        columns = list(zip(*digits, strict=True))
        varying = [k for k, column in enumerate(columns) if len(set(column)) > 1]
        k = varying[0] if varying else len(columns) - 1
        numbers = [int(text) for text in columns[k]]
        if len(varying) <= 1 and len(set(numbers)) == len(files):
            return NumberedFiles(
                dict(zip(numbers, files, strict=True)), _template_at(files[0], k)
            )
    return NumberedFiles(dict(enumerate(files, start=1)), None)


def files_of_glob(spec: str, base: Path) -> NumberedFiles:
    """Return the files that a shell pattern matches, in the order of their names.

    Raises
    ------
    UserError
        If nothing matches.
    """
    whole = base / spec
    root = Path(whole.anchor) if whole.is_absolute() else Path()
    found = sorted(p for p in root.glob(str(whole.relative_to(root))) if p.is_file())
    if not found:
        raise _nothing(whole, _names(base, spec) if base.is_dir() else [])
    return files_of_list(found)


def _stem(path: Path) -> str:
    return Path(_PACKED.sub("", path.name)).stem


def _template_at(path: Path, k: int) -> tuple[Path, str, int, str]:
    match = list(_DIGITS.finditer(_stem(path)))[k]
    name = path.name
    return path.parent, name[: match.start()], len(match.group()), name[match.end() :]


def _names(folder: Path, spec: str) -> list[str]:
    try:
        # Sorted, so that "a_0001.cbf" wins over "a_0001.cbf.gz" beside it.
        return sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise UserError(
            f"find the images {spec}",
            f"the folder {folder} cannot be read ({error.strerror})",
            "Check the path; it is relative to the configuration file.",
        ) from error


def _nothing(whole: Path, names: Sequence[str]) -> UserError:
    stem_end = Path(_PACKED.sub("", whole.name)).suffix
    alike = [name for name in names if stem_end and stem_end in name]
    hint = f"; the folder holds for example {alike[0]}" if alike else ""
    return UserError(
        f"find the images {whole}",
        f"no file matches{hint}",
        "In a template one '#' stands for one digit of the frame number.",
    )
