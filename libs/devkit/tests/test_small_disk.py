"""A small disk fills, empties and grows."""

from __future__ import annotations

import pytest

from longshore_devkit.small_disk import MIB, SmallDisk, small_disk


@pytest.fixture
def disk() -> object:
    with small_disk(32 * MIB) as disk:
        if disk is None:
            pytest.skip("there is no disk in memory here")
        yield disk


def test_it_is_filled_and_emptied(disk: SmallDisk) -> None:
    before = disk.free
    disk.fill(8 * MIB)
    assert before - disk.free == pytest.approx(8 * MIB, abs=2 * MIB)
    disk.empty()
    assert disk.free == pytest.approx(before, abs=2 * MIB)


def test_one_of_its_own_is_small_and_grows_with_what_is_on_it(disk: SmallDisk) -> None:
    if not disk.own:
        pytest.skip("only root may mount")
    (disk.path / "kept").write_text("kept")
    with pytest.raises(OSError, match="No space left"):
        disk.fill(33 * MIB)
    disk.empty()
    disk.resize(64 * MIB)
    disk.fill(33 * MIB)
    assert (disk.path / "kept").read_text() == "kept"


def test_nothing_is_left_of_it() -> None:
    with small_disk(32 * MIB) as disk:
        if disk is None:
            pytest.skip("there is no disk in memory here")
        disk.fill(MIB)
    assert not disk.path.exists()
