"""All benchmarks in one run: a table of ratios, kept, and compared with the last run.

    make bench
    make bench BENCH="--quick --mdx2 /path/to/python --essspectroscopy /path/to/python"

Each benchmark runs in a process of its own and can be run by itself. Where an interpreter is
named in whose environment mdx2 or essspectroscopy is installed, they are measured beside us in
the same run; without it their rows are missing, or compare with figures that are stored with
their source. Results go to ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import ratios

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def suite(quick: bool, mdx2: str | None, ess: str | None) -> list[list[str]]:
    """What to run: each a script and its arguments."""
    repeats = "3" if quick else "5"
    events = "1e6" if quick else "1e7"
    sizes = ["1e6"] if quick else ["1e6", "1e7", "1e8"]
    return [
        ["diffuse_images.py", "--frames", "20", "--repeats", repeats],
        ["diffuse_images.py", "--frames", "50" if quick else "200", "--repeats", repeats],
        ["diffuse_scaling.py", "--repeats", repeats, *(["--mdx2", mdx2] if mdx2 else [])],
        [
            *("events.py", "--events", events, "--repeats", repeats, "--sizes", *sizes),
            *(["--essspectroscopy", ess] if ess else []),
        ],
        ["reduction_tree.py"],
        ["memory.py", "--case", "few", *([] if quick else ["--case", "many"])],
    ]


def main() -> int:
    """Run all, print and keep the table; 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few frames and events")
    parser.add_argument("--mdx2", metavar="PYTHON", help="interpreter that has mdx2")
    parser.add_argument("--essspectroscopy", metavar="PYTHON", help="… essspectroscopy")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    failed = []
    with TemporaryDirectory() as folder:
        kept = Path(folder) / "rows.jsonl"
        environment = os.environ | {ratios.ROWS: str(kept)}
        for script, *arguments in suite(given.quick, given.mdx2, given.essspectroscopy):
            print(f"\n$ benchmarks/{script} {' '.join(arguments)}", flush=True)
            command = [sys.executable, str(HERE / script), *arguments]
            if subprocess.run(command, env=environment, check=False).returncode:
                failed.append(script)
        rows = ratios.read_rows(kept)
    when, before = ratios.last(RESULTS)
    print("\n" + ("Compared with " + when if before else "No earlier run to compare with"))
    for title, found in rows.items():
        print(title)
        for row in found:
            print(f"  {ratios.line(row, before.get((title, row.name)))}")
    for name, fact in ratios.machine().items():
        print(f"  {name}: {fact}")
    print(f"Kept in {ratios.store(RESULTS, rows)}")
    for script in failed:
        print(f"{script} failed: its rows are missing")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
