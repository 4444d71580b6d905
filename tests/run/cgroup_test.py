from __future__ import annotations

from pathlib import Path

import pytest

from ewaldite.run.cgroup import memory_room, processor_quota

MIB = 1 << 20


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_no_group_no_limit(tmp_path: Path) -> None:
    assert memory_room(tmp_path, 0) is None
    assert processor_quota(tmp_path) is None


def test_version_2_takes_the_tightest_ancestor(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slice/job/step\n",
            "sys/fs/cgroup/slice/job/step/memory.max": "max\n",
            "sys/fs/cgroup/slice/job/memory.max": f"{500 * MIB}\n",
            "sys/fs/cgroup/slice/memory.max": f"{900 * MIB}\n",
            "sys/fs/cgroup/slice/job/step/cpu.max": "max 100000\n",
            "sys/fs/cgroup/slice/job/cpu.max": "250000 100000\n",
        },
    )
    assert memory_room(tmp_path, 0) == 500 * MIB
    assert processor_quota(tmp_path) == 2.5


def test_what_others_hold_is_taken_and_the_file_cache_is_free(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": str(1000 * MIB),
            "sys/fs/cgroup/memory.current": str(700 * MIB),
            "sys/fs/cgroup/memory.stat": f"anon 9\ninactive_file {200 * MIB}\n"
            f"active_file {100 * MIB}\nslab 5\n",
        },
    )
    # 700 used - 300 cache - 150 of our own = 250 of others
    assert memory_room(tmp_path, 150 * MIB) == 750 * MIB
    assert memory_room(tmp_path, 600 * MIB) == 1000 * MIB


def test_version_1(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "9:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n",
            # the folders of the host's path are absent inside the container
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(600 * MIB),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(100 * MIB),
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\n"
            f"total_inactive_file {40 * MIB}",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        },
    )
    assert memory_room(tmp_path, 0) == 540 * MIB
    assert processor_quota(tmp_path) == 1.5


def test_version_1_writes_a_huge_number_or_minus_one_for_no_limit(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/a\n1:cpu:/a\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
        },
    )
    assert memory_room(tmp_path, 0) is None
    assert processor_quota(tmp_path) is None


@pytest.mark.parametrize("text", ["", "garbage\n", "0::/../../etc\n", "1:memory\n"])
def test_odd_files_give_no_limit(tmp_path: Path, text: str) -> None:
    put(tmp_path, {"proc/self/cgroup": text, "sys/fs/cgroup/memory.max": "what"})
    assert memory_room(tmp_path, 0) is None
