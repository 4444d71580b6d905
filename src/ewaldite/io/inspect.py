"""What a stored result is, in lines that a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.io.atomic import PathLike
from ewaldite.io.nexus.layout import intensity_unit, unit_text
from ewaldite.io.nexus.read import FileInfo, iterate, load, read_info
from ewaldite.io.nexus.sample import Sample
from ewaldite.model.provenance import Provenance

Pairs = tuple[tuple[str, str], ...]
Part = tuple[str, Pairs]

_QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
_MOST_SAMPLES = 2_000_000
_MOST_OPTIONS = 60
#: What a table of events is.
EVENTS = "events converted to energy and momentum transfer"
# Arrays of a group that are looked at as if they were alone
_MAIN = ("S", "N_b")
_SCIPP = (sc.Variable, sc.DataArray, sc.Dataset)


@dataclass(frozen=True)
class Description:
    """A description in parts, each a title and pairs of a name and what it is.

    Attributes
    ----------
    parts:
        In the order in which they are to be shown.
    """

    parts: tuple[Part, ...]

    def lines(self) -> list[str]:
        """Text lines, names aligned within a part."""
        out: list[str] = []
        for title, pairs in self.parts:
            width = max((len(name) for name, _ in pairs), default=0)
            out.append(title)
            for name, value in pairs:
                first, *more = value.splitlines() or [""]
                out.append(f"  {name:<{width}}  {first}".rstrip())
                out.extend(f"  {'':<{width}}  {line}".rstrip() for line in more)
        return out


def describe(path: PathLike) -> Description:
    """Say what a file holds: kind, sizes, ranges, masks, crystal, provenance.

    A table is read block by block, so that one longer than memory can be described;
    quantiles of more than two million values are those of an evenly spread part.

    Parameters
    ----------
    path:
        A file that this program wrote.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    info = read_info(path)
    parts: list[Part] = [("File", (("name", str(path)), ("kind", _kind(info))))]
    if info.kind == "table":
        if "event" in info.sizes:
            parts[0] = ("File", (*parts[0][1], ("what", EVENTS)))
        survey = _Survey()
        for block in iterate(path):
            survey.add(block)
        parts += survey.parts()
    else:
        obj = load(path)
        if isinstance(obj, sc.DataGroup) and isinstance(obj.get("kind"), str):
            parts[0] = ("File", (*parts[0][1], ("what", obj["kind"])))
        parts += _object_parts(obj)
    parts += [("Crystal", _sample_pairs(info.sample))]
    parts += [("Provenance", _provenance_pairs(info.provenance))]
    return Description(tuple(part for part in parts if part[1]))


class _Survey:
    """Ranges, sampled values and masks of an array that comes in blocks."""

    def __init__(self) -> None:
        self._ranges: dict[str, tuple[float, float, str]] = {}
        self._masked: dict[str, int] = {}
        self._seen = 0
        self._absent = 0
        self._samples: list[NDArray[np.float64]] = []
        self._stride = 1
        self._head: tuple[str, str] = ("data", "")

    def add(self, block: sc.DataArray) -> None:
        """Take another block into account."""
        self._head = (block.name or "data", _named_unit(block))
        for name, coord in block.coords.items():
            if coord.ndim and str(coord.dtype) in ("float64", "float32", "int64", "int32"):
                self._widen(str(name), coord)
            if coord.ndim and coord.dtype == sc.DType.vector3:
                for axis in "xyz":
                    self._widen(f"{name}.{axis}", getattr(coord.fields, axis))
        for name, mask in block.masks.items():
            whole = mask if mask.dims == block.dims else mask.broadcast(sizes=block.sizes)
            self._masked[name] = self._masked.get(name, 0) + int(whole.values.sum())
        if str(block.dtype) in ("float64", "float32", "int64", "int32"):
            self._sample(block)
        self._seen += block.size

    def _widen(self, name: str, coord: sc.Variable) -> None:
        values = np.asarray(coord.values)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = float(finite.min()), float(finite.max())
            old = self._ranges.get(name, (low, high, ""))
            self._ranges[name] = (min(low, old[0]), max(high, old[1]), _unit(coord.unit))

    def _sample(self, block: sc.DataArray) -> None:
        use = np.ones(block.shape, dtype=bool)
        for mask in block.masks.values():
            use &= ~mask.broadcast(sizes=block.sizes).values
        values = np.asarray(block.values, dtype=np.float64)[use]
        finite = values[np.isfinite(values)]
        self._absent += int(values.size - finite.size)
        self._samples.append(finite[:: self._stride])
        while sum(part.size for part in self._samples) > _MOST_SAMPLES:
            self._samples = [part[::2] for part in self._samples]
            self._stride *= 2

    def parts(self) -> list[Part]:
        """Parts of a description."""
        name, unit = self._head
        values = np.concatenate(self._samples) if self._samples else np.zeros(0)
        pairs = [("elements", f"{self._seen:,}")]
        if self._absent:
            pairs.append(("absent", f"{self._absent:,} without a value"))
        if values.size:
            levels = np.quantile(values, _QUANTILES)
            text = ", ".join(
                f"{100 * q:g} %: {x:.4g}" for q, x in zip(_QUANTILES, levels, strict=True)
            )
            about = "" if self._stride == 1 else f" (of every {self._stride}th value)"
            pairs += [("mean", f"{values.mean():.5g} {unit}".strip())]
            pairs += [("quantiles", text + about)]
        ranges = [
            (key, f"{low:.6g} … {high:.6g} {u}".strip())
            for key, (low, high, u) in sorted(self._ranges.items(), key=_hkl_first)
        ]
        total = max(self._seen, 1)
        masks = [
            (key, f"{count:,} ({100 * count / total:.2f} %)")
            for key, count in sorted(self._masked.items())
        ]
        return [
            (f"{name} ({unit or 'no unit'})", tuple(pairs)),
            ("Coordinates", tuple(ranges)),
            ("Masked", tuple(masks)),
        ]


def _object_parts(obj: Any) -> list[Part]:
    if isinstance(obj, sc.DataArray):
        survey = _Survey()
        survey.add(obj)
        return survey.parts()
    if isinstance(obj, sc.DataGroup):
        listed = tuple((str(key), _brief(item)) for key, item in obj.items() if key != "kind")
        found: list[Part] = [("Contents", listed)]
        for name in _MAIN:
            if isinstance(obj.get(name), sc.DataArray):
                survey = _Survey()
                survey.add(obj[name])
                (_, numbers), *rest = survey.parts()
                unit = _named_unit(obj[name]) or "no unit"
                found += [(f"{name} ({unit})", numbers), *rest]
        return found
    return [("Contents", (("value", _brief(obj)),))]


def _brief(item: Any) -> str:
    if isinstance(item, (sc.DataArray, sc.Variable)):
        size = " × ".join(f"{dim} {length}" for dim, length in item.sizes.items())
        return f"{size or 'scalar'}, {item.dtype}, {_unit(item.unit) or 'no unit'}"
    if isinstance(item, sc.DataGroup) and _is_plain(item):
        return ", ".join(f"{key} {_brief(value)}" for key, value in item.items())
    if isinstance(item, sc.DataGroup):
        return "group of " + ", ".join(map(str, item))
    return str(item)


def _is_plain(group: sc.DataGroup[Any]) -> bool:
    """Whether there is nothing in a group but numbers, text and lists."""
    return all(
        _is_plain(item) if isinstance(item, sc.DataGroup) else not isinstance(item, _SCIPP)
        for item in group.values()
    )


def _hkl_first(item: tuple[str, Any]) -> tuple[bool, str]:
    return item[0] not in ("h", "k", "l"), item[0]


def _kind(info: FileInfo) -> str:
    size = " × ".join(f"{dim} {length:,}" for dim, length in info.sizes.items())
    return f"{info.kind} ({size})" if size else info.kind


def _named_unit(block: sc.DataArray) -> str:
    """Unit of the data: as text where scipp has none for it."""
    return intensity_unit(block) if "intensity_unit" in block.coords else _unit(block.unit)


def _unit(unit: sc.Unit | None) -> str:
    return "" if unit is None else unit_text(unit)


def _sample_pairs(sample: Sample) -> Pairs:
    pairs = []
    if sample.cell is not None:
        lengths = "  ".join(f"{x:.3f}" for x in sample.cell[:3])
        angles = "  ".join(f"{x:.3f}" for x in sample.cell[3:])
        pairs.append(("cell", f"{lengths} Å  {angles}°"))
    if sample.space_group is not None:
        pairs.append(("space group", sample.space_group))
    if sample.grid is not None:
        divisions = " × ".join(map(str, sample.grid.n))
        pairs.append(("grid", f"{divisions} voxels a cell, mode {sample.grid.mode}"))
    for name, axes in sample.axes.items():
        rows = "\n".join("  ".join(f"{x:10.4f}" for x in row) for row in np.asarray(axes))
        pairs.append((f"axes of {name} (columns, Å)", rows))
    return tuple(pairs)


def _provenance_pairs(record: Provenance) -> Pairs:
    pairs = [("version", record.version), ("command", record.command)]
    pairs += [(f"input {name}", digest) for name, digest in record.inputs.items()]
    pairs += [(f"table {name}", source) for name, source in record.tables.items()]
    pairs += [(f"seed {name}", str(seed)) for name, seed in record.seeds.items()]
    pairs += [("note", note) for note in record.notes]
    lines = record.options.splitlines()
    left = max(len(lines) - _MOST_OPTIONS, 0)
    shown = lines[:_MOST_OPTIONS] + ([f"… and {left} lines more"] if left else [])
    pairs.append(("options", "\n".join(shown)))
    return tuple((name, value) for name, value in pairs if value)
