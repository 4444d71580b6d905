"""What a benchmark says: rows of repeated values, kept with facts of the machine, and compared.

A benchmark makes :class:`Row` s and hands them to :func:`report`, which prints them. Where the
variable ``EWALDITE_BENCH_ROWS`` names a file, they are added there too, one JSON object a line:
that is how ``make bench`` collects what many benchmarks say.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROWS = "EWALDITE_BENCH_ROWS"


@dataclass(frozen=True)
class Row:
    """One figure, measured several times.

    Attributes
    ----------
    name:
        What was measured.
    values:
        In the order in which they were measured.
    unit:
        Of the values; empty for a ratio.
    target:
        What is to be reached, as in ``"≤ 4"``; empty for none.
    """

    name: str
    values: tuple[float, ...]
    unit: str = ""
    target: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def reached(self) -> bool | None:
        """Whether the median keeps the target; None without one."""
        if not self.target:
            return None
        sign, _, limit = self.target.partition(" ")
        return self.median <= float(limit) if sign == "≤" else self.median >= float(limit)


def ratio(name: str, over: Sequence[float], under: Sequence[float], target: str = "") -> Row:
    """Ratios of values that were measured side by side."""
    return Row(name, tuple(a / b for a, b in zip(over, under, strict=True)), "", target)


def report(title: str, rows: Iterable[Row]) -> None:
    """Print rows, and add them to the file that collects them."""
    found = list(rows)
    print(title)
    for row in found:
        print(f"  {line(row)}")
    where = os.environ.get(ROWS)
    if where:
        with Path(where).open("a", encoding="utf-8") as file:
            for row in found:
                file.write(json.dumps({"title": title, **asdict(row)}) + "\n")


def line(row: Row, before: Row | None = None) -> str:
    """Median and range, the target, and the median of the last time."""
    text = f"{row.name:<46} {row.median:9.3f} {row.unit:<9}"
    text += f" ({min(row.values):.3f} – {max(row.values):.3f})"
    if row.target:
        text += f"  {row.target} {'yes' if row.reached() else 'NO'}"
    if before is not None and before.median:
        text += f"  was {before.median:.3f} ({100 * (row.median / before.median - 1):+.0f} %)"
    return text


def machine() -> dict[str, str]:
    """Facts of the machine and of what runs on it."""
    import numba
    import numpy
    import scipp

    import ewaldite

    cpu = next(
        (
            entry.partition(":")[2].strip()
            for entry in _lines(Path("/proc/cpuinfo"))
            if entry.startswith("model name")
        ),
        platform.processor() or platform.machine(),
    )
    memory = next((e.split()[1] for e in _lines(Path("/proc/meminfo"))), "0")
    return {
        "cpu": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory) / 1024**2:.0f} GiB",
        "load": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "numba": numba.__version__,
        "scipp": scipp.__version__,
        "ewaldite": ewaldite.__version__,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def read_rows(path: Path) -> dict[str, list[Row]]:
    """Rows that benchmarks have added, by title."""
    found: dict[str, list[Row]] = {}
    for entry in _lines(path):
        row = json.loads(entry)
        title, row["values"] = row.pop("title"), tuple(row["values"])
        found.setdefault(title, []).append(Row(**row))
    return found


def store(folder: Path, rows: dict[str, list[Row]]) -> Path:
    """Keep rows with facts of the machine."""
    facts = machine()
    path = folder / f"bench_{facts['time'][:19].replace(':', '')}.json"
    tables = {title: [asdict(row) for row in found] for title, found in rows.items()}
    path.write_text(
        json.dumps({"machine": facts, "rows": tables}, indent=1, ensure_ascii=False)
    )
    return path


def last(folder: Path) -> tuple[str, dict[tuple[str, str], Row]]:
    """When the last run was kept, and its rows by title and name."""
    kept = sorted(folder.glob("bench_*.json"))
    if not kept:
        return "", {}
    content = json.loads(kept[-1].read_text())
    rows = {
        (title, row["name"]): Row(**{**row, "values": tuple(row["values"])})
        for title, table in content["rows"].items()
        for row in table
    }
    return content["machine"]["time"], rows


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
