"""Cost of scaling and merging, as ratios to mdx2, in one run.

    python benchmarks/diffuse_scaling.py --repeats 5 --mdx2 /path/to/python
    python benchmarks/diffuse_scaling.py --millions 30 --terms abcd

Simulates observations of three crystals under smooth scale factors and scales them in processes
of their own on one thread. Prints CPU seconds from the table of observations to the result
(mapping into the asymmetric unit, sorting, refinement, rejection, residuals), after imports and
with compiled kernels; and the peak of resident memory, also less what was resident before
scaling: libraries and what simulation left. The table is given in parts that are simulated when
they are asked for, as the steps of a run give what they read; CPU seconds leave that out, peak
memory counts it. Merging is measured from one table, and apart from it the evaluation of the
model, which mdx2 does in the same step.

With ``--mdx2``, an interpreter in whose environment mdx2 is installed, its scaling and merging
of the same kind of table are measured in turns with ours, from table to table, without its
files. Without it we compare with stored figures: mdx2 1.0.5 took 3.3 s for b, 17.9 s and 946 MB
for a, b, c, d, and 2.5 s for merging, files included (1,000,000 observations of 120,000 voxels,
one core).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ratios import Row, ratio, report

FRAMES = 1200
STORED = {"b": 3.3, "abcd": 17.9, "merge": 2.5}
MEGABYTES = 946.0
TARGETS = {"b": "≥ 5", "abcd": "≥ 10", "merge": "≥ 5"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
BLOCK = 1_000_000
# What the steps of a run read at a time
PART = 65_536


def observations(n: int, voxels: int, block: int) -> Any:
    """One part of the table: Poisson counts, some 60 an observation."""
    from ewaldite.diffuse.observations import Observations
    from ewaldite.model.grid import Grid

    world, rng = np.random.default_rng(1), np.random.default_rng([2, block])
    side = int(np.ceil((2 * voxels) ** (1 / 3))) + 1
    place = world.permutation(side**3 // 2)[:voxels]
    index = np.stack(
        [place // side**2 + 1, place // side % side - side // 2, place % side - side // 2], -1
    )
    radius = np.linalg.norm(index, axis=1)
    length = 0.8 * radius / radius.max()
    true = 1.5 * np.exp(-(((length - 0.3) / 0.15) ** 2)) + 0.5
    true *= np.exp(0.5 * world.normal(size=voxels))
    voxel, sweep = rng.integers(0, voxels, n), rng.integers(0, 3, n).astype(np.int32)
    ix, iy = rng.uniform(0, 2462, n), rng.uniform(0, 2526, n)
    iz = rng.uniform(-0.5, FRAMES - 0.5, n)
    turn, x, y = 2 * np.pi * iz / FRAMES, ix / 1231 - 1, iy / 1263 - 1
    s = length[voxel]
    b = np.array([1.0, 0.6, 1.8])[sweep] * np.exp(-0.08 * turn * (1 + sweep))
    b *= 1 + 0.1 * np.sin(2 * turn + sweep)
    a = np.exp(0.12 * x * np.cos(turn + sweep) + 0.1 * y * np.sin(turn + sweep))
    c = (0.3 * np.exp(-(((s - 0.25) / 0.06) ** 2)) + 0.1) * (1 + 0.5 * np.cos(turn + 2 * sweep))
    panel = (np.floor(ix / 494).clip(0, 4) + 5 * np.floor(iy / 212).clip(0, 11)).astype(
        np.int32
    )
    d = np.exp(0.04 * world.normal(size=60))[panel]
    exposure = 40 * rng.gamma(8, 1 / 8, n)
    background = 0.3 * exposure
    lab = np.zeros((n, 3))
    lab[:, 0] = s
    return Observations(
        grid=Grid((1, 1, 1)),
        index=index[voxel].astype(np.int64),
        counts=rng.poisson(exposure * a * d * (b * true[voxel] + c) + background).astype(float),
        pixels=np.full(n, 20.0),
        exposure=exposure,
        background=background,
        background_variance=np.zeros(n),
        fraction=np.ones(n),
        s=lab,
        ix=ix,
        iy=iy,
        iz=iz,
        panel=panel,
        wedge=np.zeros(n, np.int32),
        sweep=sweep,
    )


def parts(millions: int, voxels: int) -> Iterator[Any]:
    """The table in parts: of a million, whose world is costly to make, where there are many."""
    size = BLOCK if millions > 1 else PART
    for block, start in enumerate(range(0, millions * BLOCK, size)):
        yield observations(min(size, millions * BLOCK - start), voxels, block)


def job(millions: int, terms: str) -> dict[str, float]:
    """Scale once; figures."""
    import resource
    import time

    from ewaldite.crystal.symmetry import space_group
    from ewaldite.diffuse.scaling.options import ScaleOptions
    from ewaldite.diffuse.scaling.scale import scale

    options = ScaleOptions.model_validate({"terms": tuple(terms)})
    simulated = 0.0

    def run(table: Any) -> Any:
        return scale(
            table,
            space_group("P 1"),
            degrees_per_frame=0.1,
            options=options,
            rng=np.random.default_rng(0),
        )

    def clocked() -> Iterator[Any]:
        nonlocal simulated
        source = parts(millions, 120_000 * millions)
        while True:
            start = time.process_time()
            block = next(source, None)
            simulated += time.process_time() - start
            if block is None:
                return
            yield block

    run(observations(20_000, 2_400, 0))  # loads or compiles the kernels
    table = clocked()
    before = resident()
    start = time.process_time()
    result = run(table)
    seconds = time.process_time() - start - simulated
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    points = sum(p.values.size for found in result.model.terms.values() for p in found)
    return {
        "cpu": seconds,
        **(merging(result.model) if millions == 1 else {}),
        "extra": peak - before,
        "peak": peak,
        "points": float(points),
        "iterations": float(len(result.history)),
        "chi2": result.chi2,
    }


def resident() -> float:
    """Resident memory now, MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(x for x in status.splitlines() if x.startswith("VmRSS"))
    return float(line.split()[1]) / 1024


def merging(model: Any) -> dict[str, float]:
    """CPU seconds to evaluate a model at a million observations, and to merge them with it."""
    import time

    from ewaldite.crystal.symmetry import space_group
    from ewaldite.diffuse.merging.merge import merge

    def run(table: Any) -> dict[str, float]:
        start = time.process_time()
        scale, offset = model.evaluate(table)
        evaluated = time.process_time()
        rng = np.random.default_rng(0)
        merge(table, space_group("P 1"), scale=scale, offset=offset, rng=rng)
        return {"evaluate": evaluated - start, "merge": time.process_time() - evaluated}

    run(observations(20_000, 2_400, 0))
    return run(observations(BLOCK, 120_000, 0))


def measured(millions: int, terms: str) -> dict[str, float]:
    """Run one job in a process of its own."""
    command = [sys.executable, __file__, "--job", "--millions", str(millions), "--terms", terms]
    return _last_line(command)


def peer(python: str, table: Path, terms: str) -> dict[str, float]:
    """Run mdx2 on a table."""
    script = Path(__file__).parent / "peers" / "mdx2_scaling.py"
    return _last_line([python, str(script), str(table), terms])


def _last_line(command: list[str]) -> dict[str, float]:
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=None if command[0] == sys.executable else subprocess.DEVNULL,
        text=True,
        check=True,
        env=os.environ | ONE_THREAD,
    )
    return json.loads(done.stdout.splitlines()[-1])


def write_table(path: Path) -> None:
    """The columns that mdx2 wants: intensities with errors from the observed counts."""
    found = observations(BLOCK, 120_000, 0)
    net = (found.counts - found.background) / found.exposure
    np.savez(
        path,
        **{name: found.index[:, x].astype(float) for x, name in enumerate("hkl")},
        intensity=net,
        intensity_error=np.sqrt(np.maximum(found.counts, 1.0)) / found.exposure,
        phi=found.iz * 0.1,
        s=np.linalg.norm(found.s, axis=1),
        ix=found.ix,
        iy=found.iy,
        op=np.zeros(net.size, np.int64),
        batch=found.sweep,
    )


def rows_of(
    terms: str, ours: list[dict[str, float]], theirs: list[dict[str, float]], most: str
) -> list[Row]:
    """What a job says."""
    seconds = [r["cpu"] for r in ours]
    rows = [
        Row(f"{terms}: scaling", tuple(seconds), "CPU s"),
        Row(f"{terms}: peak memory", tuple(r["peak"] for r in ours), "MB", most),
        Row(f"{terms}: of it more than at start", tuple(r["extra"] for r in ours), "MB"),
        Row(f"{terms}: iterations", tuple(r["iterations"] for r in ours)),
    ]
    if "merge" not in ours[0] or terms not in STORED:
        return rows
    merged = [r["merge"] for r in ours]
    stored = STORED[terms]
    rows += [
        ratio(
            f"{terms}: mdx2 (stored) / scaling", [stored] * len(ours), seconds, TARGETS[terms]
        ),
        Row(f"{terms}: evaluating the model", tuple(r["evaluate"] for r in ours), "CPU s"),
        Row(f"{terms}: merging", tuple(merged), "CPU s"),
        ratio(
            f"{terms}: mdx2 (stored, with files) / merging",
            [STORED["merge"]] * len(ours),
            merged,
            TARGETS["merge"],
        ),
    ]
    if theirs:
        rows += [
            ratio(f"{terms}: mdx2 / scaling", [r["scale"] for r in theirs], seconds),
            ratio(
                f"{terms}: mdx2 / evaluating and merging",
                [r["merge"] for r in theirs],
                [r["evaluate"] + r["merge"] for r in ours],
            ),
            ratio(
                f"{terms}: mdx2 / peak memory",
                [r["peak"] for r in theirs],
                [r["peak"] for r in ours],
            ),
        ]
    elif terms == "abcd":
        rows.append(
            ratio(
                "abcd: mdx2 (stored) / peak memory",
                [MEGABYTES] * len(ours),
                [r["peak"] for r in ours],
            )
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--millions", type=int, default=1)
    parser.add_argument("--terms", default="b,abcd", help="jobs, separated by commas")
    parser.add_argument("--mdx2", metavar="PYTHON", help="interpreter that has mdx2")
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        print(json.dumps(job(given.millions, given.terms)))
        return
    with TemporaryDirectory() as folder:
        table = Path(folder) / "table.npz"
        if given.mdx2:
            write_table(table)
        for terms in given.terms.split(","):
            ours, theirs = [], []
            for _ in range(given.repeats):
                ours.append(measured(given.millions, terms))
                if given.mdx2 and given.millions == 1:
                    theirs.append(peer(given.mdx2, table, terms))
            title = f"scaling and merging, {given.millions},000,000 observations"
            most = "≤ 400" if given.millions == 1 else "≤ 4000" if given.millions == 30 else ""
            report(title, rows_of(terms, ours, theirs, most))


if __name__ == "__main__":
    main()
