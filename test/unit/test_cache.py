"""The cache of graphs and engines: what was written comes back, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deephar_ros.backend.cache import Cache, CacheError, file_hash

KEY = {"checkpoint": "abc", "version": "1"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Cache("graphs")


def test_what_was_written_comes_back_for_the_same_key_only(cache: Cache) -> None:
    assert cache.read(KEY) is None
    assert "is not there" in cache.why_not(KEY)
    content = b"\n{}\n" + bytes(range(256))
    path = cache.write(KEY, content)
    assert path.is_relative_to(cache.folder)
    assert cache.read(dict(reversed(KEY.items()))) == content
    assert cache.why_not(KEY) == ""
    assert cache.read({**KEY, "version": "2"}) is None


def test_files_and_folder_are_the_users_alone(cache: Cache) -> None:
    path = cache.write(KEY, b"content")
    assert path.stat().st_mode & 0o777 == 0o600
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["cut", "flip", "key", "header", "empty"])
def test_a_damaged_file_is_not_read_and_can_be_written_again(cache: Cache, damage: str) -> None:
    path = cache.write(KEY, b"content")
    whole = path.read_bytes()
    damaged = {
        "cut": whole[:-1],
        "flip": whole[:-1] + b"x",
        "key": whole.replace(b"abc", b"abd"),
        "header": b"[" * 100_000 + b"\n" + whole,
        "empty": b"",
    }
    path.write_bytes(damaged[damage])
    assert cache.read(KEY) is None
    assert "is damaged" in cache.why_not(KEY)
    cache.write(KEY, b"content")
    assert cache.read(KEY) == b"content"


def test_what_others_may_have_written_is_not_read(cache: Cache, tmp_path: Path) -> None:
    path = cache.write(KEY, b"content")
    path.chmod(0o620)
    assert cache.read(KEY) is None
    assert "others can write" in cache.why_not(KEY)
    path.chmod(0o600)
    cache.folder.chmod(0o777)
    assert cache.read(KEY) is None
    with pytest.raises(CacheError, match="others can write there"):
        cache.write(KEY, b"content")
    cache.folder.chmod(0o700)
    assert cache.read(KEY) == b"content"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.read(KEY) is None
    path.unlink()
    os.mkfifo(path, 0o600)
    assert "it is a link, or something else" in cache.why_not(KEY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_not_read(cache: Cache) -> None:
    path = cache.write(KEY, b"content")
    os.chown(path, 12345, -1)
    assert cache.read(KEY) is None
    assert "belongs to another user" in cache.why_not(KEY)


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CacheError, match="set XDG_CACHE_HOME"):
        Cache("graphs").write(KEY, b"content")
    assert Cache("graphs").read(KEY) is None


def test_a_write_that_fails_leaves_the_old_content_and_no_partial_file(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write(KEY, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CacheError, match="No space left on device"):
        cache.write(KEY, b"new")
    assert cache.read(KEY) == b"old"
    assert len(list(cache.folder.iterdir())) == 1


def test_other_keys_are_listed(cache: Cache) -> None:
    for version in "123":
        cache.write({**KEY, "version": version}, b"content")
    (cache.folder / "broken.cached").write_bytes(b"\xff\n")
    (cache.folder / "list.cached").write_bytes(b'{"sha256": "", "key": []}\n')
    assert sorted(key["version"] for key in cache.others({**KEY, "version": "2"})) == ["1", "3"]


def test_files_that_nobody_read_for_long_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = Cache("graphs", most_bytes=2500)
    keys = [{**KEY, "version": version} for version in "123"]
    for age, key in zip((300, 200), keys, strict=False):
        os.utime(cache.write(key, bytes(1000)), (0, age))
    assert cache.read(keys[0])  # now it is the newest
    cache.write(keys[2], bytes(1000))
    assert [cache.read(key) is None for key in keys] == [False, True, False]


def test_the_hash_of_files_depends_on_what_they_hold(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    assert file_hash(one, two) != file_hash(two, one)
    two.write_bytes(b"3")
    assert file_hash(two) == "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"
