from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.run.checkpoint import CheckpointStore, Key, ShardStore

KEY = Key("integrate/a wedge 3", "d1")


def read(path: Path) -> str:
    return path.read_text()


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints", suffix=".txt")


def keep(store: CheckpointStore, key: Key, text: str) -> None:
    store.save(key, lambda path: path.write_text(text) and None)


def files(store: CheckpointStore) -> list[Path]:
    return sorted(path for path in store.folder.rglob("*") if path.is_file())


def test_round_trip_survives_a_new_store(store: CheckpointStore) -> None:
    assert not store.has(KEY)
    assert store.load(KEY, read) is None
    keep(store, KEY, "content")
    again = CheckpointStore(store.folder, suffix=".txt")
    assert again.has(KEY)
    assert again.load(KEY, read) == "content"


def test_another_digest_is_not_found_and_its_save_removes_the_stale_one(
    store: CheckpointStore,
) -> None:
    keep(store, KEY, "old")
    changed = Key(KEY.name, "d2")
    assert not store.has(changed)
    assert store.load(changed, read) is None
    assert store.load(KEY, read) == "old"  # kept until there is a new one
    keep(store, changed, "new")
    assert store.load(changed, read) == "new"
    assert not store.has(KEY)
    assert len(files(store)) == 1


def test_saving_again_replaces(store: CheckpointStore) -> None:
    keep(store, KEY, "one")
    keep(store, KEY, "two")
    assert store.load(KEY, read) == "two"
    assert len(files(store)) == 1


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_corrupt_file_is_ignored_with_a_warning(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    keep(store, KEY, "content")
    (path,) = files(store)
    content = {"truncated": "conte", "flipped": "cOntent", "empty": ""}[damage]
    path.write_text(content)
    assert store.load(KEY, read) is None
    assert "is done again" in caplog.text
    assert KEY.name in caplog.text
    assert not store.has(KEY)
    keep(store, KEY, "content")
    assert store.load(KEY, read) == "content"


@pytest.mark.parametrize("error", [ValueError("x"), OSError("x"), UserError("a", "b", "c")])
def test_a_file_that_the_reader_refuses_is_done_again(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def refuse(path: Path) -> str:
        raise error

    keep(store, KEY, "content")
    assert store.load(KEY, refuse) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_mistake_in_the_reader_is_not_hidden(store: CheckpointStore) -> None:
    keep(store, KEY, "content")
    with pytest.raises(ZeroDivisionError):
        store.load(KEY, lambda path: 1 // 0)
    assert store.has(KEY)


def test_what_a_killed_writer_left_is_not_taken_and_goes_away(store: CheckpointStore) -> None:
    keep(store, KEY, "content")
    folder = files(store)[0].parent
    part = folder / ".0123abcd.part.txt"
    (folder / "notes.txt").write_text("of the user")
    part.write_text("half")
    keep(store, KEY, "content")
    assert not part.exists()
    part.write_text("half")
    assert store.load(KEY, read) == "content"
    assert {path.name for path in folder.iterdir()} == {files(store)[0].name, "notes.txt"}


def test_a_reader_of_a_part_is_trusted_with_the_rest(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, KEY, "head rest")
    (file,) = files(store)
    assert store.size(KEY) == 9
    file.write_text("head lost")

    def head(path: Path) -> str:
        found = path.read_text()[:4]
        if found != "head":
            raise ValueError("no head")
        return found

    assert store.load(KEY, head, in_part=True) == "head"
    file.write_text("lost head")
    assert store.load(KEY, head, in_part=True) is None
    assert "no head" in caplog.text
    assert (store.has(KEY), store.size(KEY)) == (False, 0)


def test_prune_keeps_the_named_and_what_is_not_ours(store: CheckpointStore) -> None:
    store.prune()  # nothing there yet
    keys = [Key(f"shard {i}", "d") for i in range(4)]
    for key in keys:
        keep(store, key, key.name)
    (store.folder / "notes").mkdir()
    (store.folder / "notes" / "mine.txt").write_text("x")
    store.prune(["shard 1", "shard 2"])
    assert [store.has(key) for key in keys] == [False, True, True, False]
    store.prune()
    assert [path.name for path in store.folder.iterdir()] == ["notes"]
    assert (store.folder / "notes" / "mine.txt").is_file()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True))
def test_names_of_any_kind_do_not_meet(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    store = CheckpointStore(tmp_path_factory.mktemp("c"))
    names = [name.encode("utf-8", "replace").decode() for name in names]
    for name in names:
        keep(store, Key(name, name), name.encode().hex())
    for name in names:
        assert store.load(Key(name, name), read) == name.encode().hex()
        assert store.folder in files(store)[0].parents


def test_shards_of_arrays_come_back_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    shards: ShardStore[int, np.ndarray] = ShardStore(
        CheckpointStore(tmp_path, suffix=".npy"),
        key=lambda shard: Key(f"{shard}", "d"),
        save=lambda result, path: np.save(path, result),
        load=np.load,
    )
    values = rng.normal(size=(5, 7))
    assert shards.get(3) is None
    shards.put(3, values)
    back = shards.get(3)
    assert back is not None
    assert back.tobytes() == values.tobytes()
    assert shards.get(4) is None
