"""Every mistake in the input ends in one sentence: the file, what was found, what to do."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from diffuse.tiny import STEPS
from ewaldite.diffuse import workflow

FRAME = "images/a_0003.cbf"
CONFIG = "tiny.toml"

Change = Callable[[Path], object]


def replace(file: str, old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return change


def sweep_option(line: str) -> Change:
    return replace(CONFIG, 'name = "a"', f'name = "a"\n{line}')


def section(text: str) -> Change:
    return lambda folder: (folder / CONFIG).write_text((folder / CONFIG).read_text() + text)


def cut(file: str, length: int) -> Change:
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:length])


def damage(file: str) -> Change:
    def change(folder: Path) -> None:
        content = bytearray((folder / file).read_bytes())
        content[2000:2010] = bytes(255 - b for b in content[2000:2010])
        (folder / file).write_bytes(bytes(content))

    return change


def header(pattern: str, old: bytes, new: bytes) -> Change:
    def change(folder: Path) -> None:
        for path in (folder / "images").glob(pattern):
            content = path.read_bytes()
            assert old in content
            path.write_bytes(content.replace(old, new))

    return change


def without_line(file: str, word: str) -> Change:
    def change(folder: Path) -> None:
        lines = (folder / file).read_text().splitlines(keepends=True)
        (folder / file).write_text("".join(line for line in lines if word not in line))

    return change


def second_sweep(name: str) -> Change:
    return section(
        f'\n[[sweep]]\nname = "{name}"\nimages = "images/a_####.cbf"\ngeometry = "xds"\n'
    )


B_AXIS = "COORDINATES OF UNIT CELL B-AXIS 0 0 15"
BACKGROUND = "images/a_background_0001.cbf"

# What is wrong, how it is made, and what the sentence must hold: file, value, remedy
CASES: dict[str, tuple[Change, list[str]]] = {
    "missing frame": (
        lambda f: (f / FRAME).unlink(),
        [r"a_0003\.cbf \(frame 3\) is missing", "Restore it", 'missing = "skip"'],
    ),
    "truncated frame": (cut(FRAME, 2500), [FRAME, r"truncated: \d+ of \d+ bytes", "Restore"]),
    "truncated header": (cut(FRAME, 300), [FRAME, "truncated or damaged", "'exclude'"]),
    "corrupt frame": (damage(FRAME), [FRAME, "MD5", "Restore", "'exclude'"]),
    "empty frame": (cut(FRAME, 0), [FRAME, "the file is empty", "Restore"]),
    "empty first frame": (cut("images/a_0001.cbf", 0), ["a_0001.cbf", "is empty", "Restore"]),
    "no image at all": (
        lambda f: (f / FRAME).write_bytes(b"hello" * 200),
        [FRAME, "not a CBF file", "Restore"],
    ),
    "template that matches nothing": (
        replace(CONFIG, "a_####", "x_####"),
        [r"images/x_####\.cbf", r"example a_0001\.cbf", "one '#' stands for one digit"],
    ),
    "template with too many digits": (
        replace(CONFIG, "a_####", "a_#####"),
        [r"a_#####\.cbf", "no file matches", "one '#'"],
    ),
    "folder that is not there": (
        replace(CONFIG, "images/a_####", "imgs/a_####"),
        ["imgs", "No such file", "relative to the configuration"],
    ),
    "singular axes": (
        replace("xds/INTEGRATE.LP", B_AXIS, B_AXIS.replace("0 0 15", "24 0 0")),
        [r"INTEGRATE\.LP", "lie in a plane", "Index the data again"],
    ),
    "left-handed axes": (
        replace("xds/INTEGRATE.LP", B_AXIS, B_AXIS.replace("15", "-15")),
        [r"INTEGRATE\.LP", "left-handed", "invert one axis"],
    ),
    "unknown space group": (
        replace(CONFIG, "P 21 21 21", "P 21 21 22"),
        [r"\[crystal\] space_group = 'P 21 21 22'", "not known", "Did you mean 'P 21 21 2'"],
    ),
    "cell against symmetry": (
        replace(CONFIG, "P 21 21 21", "P 43 21 2"),
        [r"space_group = 'P 43 21 2'", r"cell 12\.000 15\.000", "Correct space_group"],
    ),
    "wavelength missing": (
        without_line("xds/XDS.INP", "X-RAY_WAVELENGTH"),
        [r"INTEGRATE\.LP", "no wavelength", "Put the wavelength"],
    ),
    "exposure missing": (
        header("a_0*.cbf", b"# Exposure_time", b"# Exposure_xxxx"),
        [r"a_0001\.cbf nor xds", "how long a frame was exposed", "Give exposure = SECONDS"],
    ),
    "exposure missing in one frame": (
        header("a_0006.cbf", b"# Exposure_time", b"# Exposure_xxxx"),
        [r"a_0006\.cbf does not say how long", "1 of 6", "Give exposure = SECONDS"],
    ),
    "background exposure missing": (
        header("a_b*.cbf", b"# Exposure_time", b"# Exposure_xxxx"),
        [BACKGROUND, "how long it was exposed", "background_exposure = SECONDS"],
    ),
    "background with zero exposure": (
        header("a_b*.cbf", b"# Exposure_time 10 ", b"# Exposure_time 0 "),
        [BACKGROUND, "how long it was exposed", "background_exposure = SECONDS"],
    ),
    "truncated background": (
        cut(BACKGROUND, 2500),
        [BACKGROUND, r"truncated: \d+ of \d+ bytes", "list the background images without it"],
    ),
    "geometry that is not there": (
        replace(CONFIG, '"xds"', '"xdsx"'),
        ["/xdsx", "no such file or folder", "Check the name"],
    ),
    "geometry of no known kind": (
        replace(CONFIG, '"xds"', '"tiny.toml"'),
        [r"tiny\.toml", "of no kind that is known", r"Give XPARM\.XDS"],
    ),
    "geometry that ends before the images": (
        lambda f: shutil.copy(f / FRAME, f / "images/a_0007.cbf"),
        [r"INTEGRATE\.LP", "frames 1 to 6, not frame 7", "Choose frames"],
    ),
    "number that is none in XDS.INP": (
        replace("xds/XDS.INP", "DATA_RANGE= 1 6", "DATA_RANGE= 1 nan"),
        [r"XDS\.INP", "'1 nan' should hold 2 number", "Mend the line"],
    ),
    "endless frames in XDS.INP": (
        replace("xds/XDS.INP", "DATA_RANGE= 1 6", "DATA_RANGE= 1 60000000000"),
        [r"XDS\.INP", "60000000000, which is more", "Mend the range"],
    ),
    "detector at the sample": (
        replace("xds/INTEGRATE.LP", "DISTANCE (mm) 40", "DISTANCE (mm) 0"),
        ["geometry xds", "at 0 mm", "Mend the distance"],
    ),
    "option misspelt": (
        replace(CONFIG, "d_min", "dmin"),
        [r"tiny\.toml", r"'dmin' in \[map\]", "did you mean 'd_min'"],
    ),
    "section misspelt": (
        replace(CONFIG, "[corrections]", "[correction]"),
        ["no option 'correction'", "did you mean 'corrections'"],
    ),
    "sweep option misspelt": (
        replace(CONFIG, "geometry =", "geometri ="),
        [r"'geometri' in \[\[sweep\]\] number 1", "did you mean 'geometry'"],
    ),
    "value of the wrong type": (
        sweep_option("frames = '3-5'"),
        [r"'frames' in \[\[sweep\]\] number 1", "'3-5'", "Correct it"],
    ),
    "single table": (replace(CONFIG, "[[sweep]]", "[sweep]"), ["single table", "two brackets"]),
    "TOML syntax": (
        replace(CONFIG, "d_min = 2.0", "d_min = "),
        [r"tiny\.toml", "not valid TOML.*line 16", "Correct the line"],
    ),
    "no text": (
        lambda f: (f / CONFIG).write_bytes(b"\xff\xfe\x00"),
        [r"tiny\.toml", "utf-8", "Give a text file"],
    ),
    "sweep names twice": (second_sweep("a"), ["two sweeps have the same name", "'a', 'a'"]),
    "sweep name with a path": (
        replace(CONFIG, 'name = "a"', 'name = "../a"'),
        [r"'name' in \[\[sweep\]\] number 1", r"'\.\./a'", "letters, digits"],
    ),
    "d_min above d_max": (
        replace(CONFIG, "d_min = 2.0", "d_min = 2.0\nd_max = 1.0"),
        [r"d_min 2\.0 is not below d_max 1\.0"],
    ),
    "not a finite number": (
        replace(CONFIG, "d_min = 2.0", "d_min = inf"),
        [r"'d_min' in \[map\]", "finite number", "found inf"],
    ),
    "all pixels masked": (
        section("\n[mask]\nrectangles = [[-1, 60, -1, 50]]\n"),
        ["every pixel is masked", r"'rectangles' \(\d+ pixels\)", r"Check \[mask\]"],
    ),
    "angles of the wrong number": (
        sweep_option("phi = [1, 2, 3]"),
        [r"3 angles are given for 6 frames", "one spindle angle for every frame"],
    ),
    "frames outside": (
        sweep_option("frames = [3, 9]"),
        [r"a_0007\.cbf \(frame 7\) and 2 more are missing", "run from 1 to 6", "'frames'"],
    ),
    "all frames outside": (
        sweep_option("frames = [30, 90]"),
        ["frames 30 to 90", "run from 1 to 6", "Change 'frames'"],
    ),
    "no frame left": (
        sweep_option("exclude = [1, 2, 3, 4, 5, 6]"),
        ["no frame is left", "Change 'frames' or 'exclude'"],
    ),
    "unit of another quantity": (
        replace(CONFIG, "1 mm", "1 kg"),
        [r"\[corrections\] sensor_thickness", "'1 kg'", r"as in '1\.5 mm'"],
    ),
    "monitor of the wrong number": (
        sweep_option("monitor = [1.0, 2.0]\nbackground_monitor = 1.0"),
        ["use monitor of the sweep 'a'", "2 readings for 6 frames", "one for each frame"],
    ),
    "monitor of the sweep alone": (
        sweep_option("monitor = 2.0"),
        ["background of the sweep 'a'", "background_monitor is not", "in the same unit"],
    ),
    "frame without beam": (
        sweep_option("monitor = [1, 2, 0, 1, 1, 1]\nbackground_monitor = 1"),
        [r"reading of the 3\. frame is 0", "with exclude"],
    ),
    "monitor that no image names": (
        sweep_option('monitor = "images"'),
        [r"images/a_0001\.cbf", "name none", "monitor = 'none'"],
    ),
    "no count is valid": (
        section("\n[mask]\nminimum = 50\noverload = 20\n"),
        [r"a_0001\.cbf", "smallest valid count is 50", r"\[mask\] minimum or overload"],
    ),
    "negative minimum": (
        section("\n[mask]\nminimum = -1\n"),
        [r"'minimum' in \[mask\]", "greater than or equal to 0", "found -1"],
    ),
    "dead time that nothing says": (
        replace(CONFIG, "[corrections]", '[corrections]\ncount_rate = "paralysable"'),
        ["count_rate = 'paralysable'", "nothing says the dead time", "as in '120 ns'"],
    ),
    "dead time of a detector that corrected its counts": (
        lambda f: [
            replace(CONFIG, "[corrections]", '[corrections]\ncount_rate = "paralysable"')(f),
            header("a_0*.cbf", b"# Wavelength", b"# Tau = 1e-7 s\r\n# Wavelength")(f),
        ],
        ["has corrected them already", "count_rate = 'none'"],
    ),
    "memory that is no size": (
        section('\n[run]\nmemory = "lots"\n'),
        [r"\[run\] memory", "'lots'", r"as in '1\.5 GB'"],
    ),
    "too little memory": (
        section('\n[run]\nmemory = "1 MB"\n'),
        [r"1 MB \(\[run\] memory\)", r"Set \[run\] memory to"],
    ),
    "half sets of mates that are kept apart": (
        section('\n[merge]\nfriedel = false\nhalf_sets = "friedel"\n'),
        ["half_sets = 'friedel'", "friedel = false keeps apart"],
    ),
    "mask file missing": (
        section('\n[mask]\nfile = "m.npy"\n'),
        [r"m\.npy", "does not exist", r"Correct \[mask\] file"],
    ),
    "map too large": (
        lambda f: [
            replace(CONFIG, "d_min = 2.0", "d_min = 0.2")(f),
            section('\n[run]\nmemory = "1 GB"\n')(f),
            replace(CONFIG, "[1, 1, 1]", '[3, 3, 3]\nexport = ["ccp4"]')(f),
        ],
        ["Cannot make the map", r"it needs [\d.]+ \wB", "larger .map. d_min"],
    ),
    "output in the way": (
        lambda f: (f / "out").write_text("mine"),
        ["/out/work", "Not a directory", r"another \[output\] directory"],
    ),
    "result is a folder": (
        lambda f: (f / "out" / "masks.nxs").mkdir(parents=True),
        [r"masks\.nxs", "it is a folder", "Give the name of a file"],
    ),
    "checkpoints in the way": (
        lambda f: [(f / "out/work").mkdir(parents=True), (f / "out/work/wedges").touch()],
        ["/out/work/wedges", "Not a directory", "See what is there"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_are_told_in_one_sentence(case: str, fresh: Path, command: Any) -> None:
    change, fragments = CASES[case]
    change(fresh)
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 2
    assert re.match(r"ewaldite: Cannot [^:]+: .+\. [A-Z].+", answer.mistake)
    for fragment in fragments:
        assert re.search(fragment, answer.mistake), answer.mistake


@pytest.mark.parametrize(
    ("where", "fragments"),
    [
        (FRAME, [FRAME, "62 x 50 pixels", "60 x 50", "sweep of their own"]),
        (BACKGROUND, [BACKGROUND, "62 × 50 pixels", "60 × 50", "of the same detector"]),
    ],
)
def test_images_of_another_size(
    where: str, fragments: list[str], fresh: Path, foreign: Path, command: Any
) -> None:
    shutil.copy(foreign / "size" / FRAME, fresh / where)
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 2
    assert all(fragment in answer.mistake for fragment in fragments), answer.mistake


def test_geometry_of_another_detector(fresh: Path, foreign: Path, command: Any) -> None:
    shutil.rmtree(fresh / "xds")
    shutil.copytree(foreign / "size" / "xds", fresh / "xds")
    sweep_option("frames = [1, 3]")(fresh)
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 2
    assert "geometry xds is of a detector of 62 × 50" in answer.mistake
    assert "a_0001.cbf has 60 × 50" in answer.mistake
    assert "Give the geometry that was refined with these images" in answer.mistake


def test_cells_of_two_crystals(fresh: Path, foreign: Path, command: Any) -> None:
    shutil.copytree(foreign / "cell", fresh / "b")
    images, geometry = "b/images/b_####.cbf", "b/xds"
    section(f'\n[[sweep]]\nname = "b"\nimages = "{images}"\ngeometry = "{geometry}"\n')(fresh)
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 2
    assert "merge b with a" in answer.mistake
    assert "no basis of its cell 13.00 15.00 18.00" in answer.mistake
    assert "is like 12.00 15.00 18.00" in answer.mistake
    assert "a configuration each" in answer.mistake


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("absent.toml", ["absent.toml", "does not exist", "ewaldite diffuse init"]),
        ("", ["it is a folder", "Name the TOML file"]),
    ],
)
def test_configuration_that_is_none(
    name: str, fragments: list[str], fresh: Path, command: Any
) -> None:
    answer = command("diffuse", "run", fresh / name)
    assert answer.code == 2
    assert all(fragment in answer.mistake for fragment in fragments)


def test_paths_refer_to_the_configuration(
    done: Path, command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("diffuse", "run", done / CONFIG).code == 0
    (done / "elsewhere").mkdir()
    moved = shutil.move(done / CONFIG, done / "elsewhere" / CONFIG)
    answer = command("diffuse", "run", moved)
    assert answer.code == 2
    assert f"{done}/elsewhere/images" in answer.mistake
    assert "relative to the configuration file" in answer.mistake


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/out"])
def test_output_that_cannot_be_written(place: str, fresh: Path, command: Any) -> None:
    replace(CONFIG, "[[sweep]]", f'[output]\ndirectory = "{place}"\n\n[[sweep]]')(fresh)
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 2
    assert place in answer.mistake
    assert "another [output] directory" in answer.mistake


MASKS: dict[str, Callable[[Path], object]] = {
    "m.npy": lambda path: path.write_bytes(b"no array"),
    "m.h5": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(range(256))),
    "m.tif": lambda path: path.write_bytes(b"no image"),
    "small.npy": lambda path: np.save(path, np.zeros((5, 6))),
    "empty.h5": lambda path: h5py.File(path, "w").close(),
}


@pytest.mark.parametrize("name", MASKS)
def test_mask_files_that_cannot_be_used(name: str, fresh: Path, command: Any) -> None:
    MASKS[name](fresh / name)
    section(f'\n[mask]\nfile = "{name}"\n')(fresh)
    answer = command("diffuse", "mask", fresh / CONFIG)
    assert answer.code == 2
    assert f"Cannot read the mask {fresh / name}: " in answer.mistake


def test_unreadable_frames_are_skipped_and_counted(fresh: Path, command: Any) -> None:
    section('\n[integrate]\nmissing = "skip"\n')(fresh)
    cut("images/a_0001.cbf", 2500)(fresh)
    damage("images/a_0005.cbf")(fresh)
    (fresh / "images/a_0003.cbf").unlink()
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 0
    log = (fresh / "out" / "log.txt").read_text()
    assert "WARNING 2 frames could not be read and were skipped" in log
    assert re.search(r"WARNING note: 1 missing images are skipped: \(3,\)", log)
    page = (fresh / "out" / "report.html").read_text()
    assert "2 frames of a could not be read and were skipped" in page
    assert "1 missing images are skipped" in page


def test_frames_lost_at_the_end_are_told(fresh: Path, command: Any) -> None:
    (fresh / "images/a_0006.cbf").unlink()
    answer = command("diffuse", "mask", fresh / CONFIG)
    assert answer.code == 0
    assert "1 of the 6 frames that the geometry xds describes (6 to 6) have no image" in (
        answer.err
    )
    sweep_option("exclude = [6]")(fresh)
    assert "have no image" not in command("diffuse", "mask", fresh / CONFIG).err


def test_finished_steps_stay_and_the_next_run_resumes(done: Path, command: Any) -> None:
    kept = sorted(p for p in (done / "out").rglob("*.n*") if p.is_file())
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept}
    state = (done / "out/work/state.json").read_bytes()
    frame = (done / FRAME).read_bytes()
    stat = (done / FRAME).stat()
    (done / FRAME).unlink()
    assert command("diffuse", "run", done / CONFIG).code == 2
    assert (done / "out/work/state.json").read_bytes() == state
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept} == before
    (done / FRAME).write_bytes(frame)
    os.utime(done / FRAME, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    answer = command("diffuse", "run", done / CONFIG)
    assert answer.code == 0
    assert [line for line in answer.err.splitlines() if "kept" in line] == [
        f"{name}: unchanged, kept" for name in STEPS
    ]


def test_a_late_mistake_keeps_the_steps_before_it(fresh: Path, command: Any) -> None:
    (fresh / "out" / "merged.nxs").mkdir(parents=True)
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 2
    assert "merged.nxs: it is a folder" in answer.mistake
    (fresh / "out" / "merged.nxs").rmdir()
    answer = command("diffuse", "run", fresh / CONFIG)
    assert answer.code == 0
    did = [line for line in answer.err.splitlines() if line.endswith(("kept", "not done yet"))]
    assert did == [
        *(f"{name}: unchanged, kept" for name in STEPS[:7]),
        "merge: not done yet",
        "map: not done yet",
    ]


@pytest.mark.parametrize(
    ("limit", "file"), [(20_000, "masks.nxs"), (60_000, "/work/"), (140_000, "/work/")]
)
def test_full_disk(limit: int, file: str, fresh: Path, command: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        answer = command("diffuse", "run", fresh / CONFIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.code == 2
    assert file in answer.mistake
    assert "the disk is full" in answer.mistake
    assert "finished steps are kept" in answer.mistake
    assert not list((fresh / "out").rglob("*.part*"))
    assert command("diffuse", "run", fresh / CONFIG).code == 0


def test_full_file_system(fresh: Path, command: Any, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(small)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small file system can be mounted by root only")
    try:
        replace(CONFIG, "[[sweep]]", f'[output]\ndirectory = "{small}/out"\n\n[[sweep]]')(fresh)
        answer = command("diffuse", "run", fresh / CONFIG)
        assert answer.code == 2
        assert "the disk is full (No space left on device)" in answer.mistake
        assert (small / "out" / "masks.nxs").is_file()
        assert not list(small.rglob("*.part*"))
    finally:
        command("inspect", fresh)  # the log of the run is closed
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_result_of_a_newer_version(done: Path, command: Any) -> None:
    path = done / "out" / "merged.nxs"
    with h5py.File(path, "a") as file:
        file.attrs["ewaldite_format"] = 99
    answer = command("inspect", path)
    assert answer.code == 2
    assert f"Cannot read {path}: its format is 99" in answer.mistake
    assert "pip install --upgrade ewaldite" in answer.mistake
    answer = command("diffuse", "report", done / CONFIG)
    assert answer.code == 2
    assert "its format is 99" in answer.mistake


def test_state_of_a_newer_version_is_not_trusted(done: Path, command: Any) -> None:
    state = done / "out/work/state.json"
    state.write_text(state.read_text().replace('"format": 1', '"format": 99'))
    answer = command("diffuse", "mask", done / CONFIG)
    assert answer.code == 0
    assert "mask: not done yet" in answer.err


@pytest.mark.parametrize(
    ("name", "found"),
    [("absent.nxs", "no such file"), (CONFIG, "not an HDF5 file"), ("", "it is a folder")],
)
def test_inspect_of_something_else(name: str, found: str, fresh: Path, command: Any) -> None:
    answer = command("inspect", fresh / name)
    assert answer.code == 2
    assert found in answer.mistake


def test_report_without_results(fresh: Path, command: Any) -> None:
    answer = command("diffuse", "report", fresh / CONFIG)
    assert answer.code == 2
    assert "map.nxs: there is no such file" in answer.mistake


def test_interrupted_run(done: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, "run_steps", interrupt)
    answer = command("diffuse", "run", done / CONFIG)
    assert answer.code == 130
    assert answer.mistake.endswith("interrupted; what was finished is kept")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["diffuse", "fliter", "x.toml"], 'Did you mean "filter"'),
        (["difuse", "run", "x.toml"], 'Did you mean "diffuse"'),
        (["diffuse", "run"], "requires an argument"),
        (["diffuse", "run", "x.toml", "--wrkers", "2"], "Did you mean --workers"),
        (["diffuse", "run", "x.toml", "--workers", "two"], "unable to convert"),
        (["diffuse", "run", "x.toml", "--workers", "0"], "Must be >= 1"),
    ],
)
def test_commands_that_are_none(words: list[str], said: str, command: Any) -> None:
    answer = command(*words)
    assert answer.code != 0
    assert said in answer.out + answer.err
    assert "Traceback" not in answer.out + answer.err


def test_exit_status_of_the_program(fresh: Path) -> None:
    program = [sys.executable, "-m", "ewaldite", "diffuse", "run", "absent.toml"]
    if shutil.which("ewaldite", path=str(Path(sys.executable).parent)):
        program[:3] = [str(Path(sys.executable).parent / "ewaldite")]
    ended = subprocess.run(program, cwd=fresh, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("ewaldite: Cannot read the configuration absent.toml")
    assert ended.stderr.count("\n") == 1
