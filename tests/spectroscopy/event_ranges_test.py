from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.run.checkpoint import ContentKeys
from ewaldite.spectroscopy.event_ranges import EventShard, event_shards


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=4), st.integers(1, 3000))
def test_shards_hold_every_event_once(sizes: list[int], most: int) -> None:
    shards = event_shards(sizes, most)
    for run, size in enumerate(sizes):
        own = [s for s in shards if s.run == run]
        assert own[0].first == 0
        assert own[-1].stop == size
        assert all(a.stop == b.first for a, b in pairwise(own))
        assert max(s.size for s in own) <= most
        # about equal, and no more of them than are needed
        assert max(s.size for s in own) - min(s.size for s in own) <= 1
        assert len(own) == max(-(-size // most), 1)
    assert [s.run for s in shards] == sorted(s.run for s in shards)


def test_a_key_tells_content_and_shard() -> None:
    shards = [
        EventShard(0, 0, 5),
        EventShard(0, 0, 6),
        EventShard(1, 0, 5),
        EventShard(0, 1, 5),
    ]
    keys = {str(ContentKeys(content)(s)) for content in ("a", "b") for s in shards}
    assert len(keys) == 8
    assert ContentKeys("a")(shards[0]) == ContentKeys("a")(EventShard(0, 0, 5))
