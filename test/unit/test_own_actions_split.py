"""Which clips of a user are held out."""

from __future__ import annotations

import pytest

from deephar_ros.data.hold_out import Labelled, hold_out, last_of_each
from deephar_ros.data.samples import DatasetError
from deephar_ros.train.own_actions_data import tells_sides


def filmed(recordings: dict[str, dict[str, int]]) -> list[Labelled]:
    """Clips by recording and label: how many."""
    return [
        Labelled(f"{label}/{recording}_{number}.mp4", label, recording, float(number))
        for recording, counts in recordings.items()
        for label, count in counts.items()
        for number in range(count)
    ]


def test_whole_recordings_are_held_out_where_every_action_keeps_others() -> None:
    clips = filmed({name: {"wave": 5, "jump": 5} for name in ("anna", "ben", "cem", "dan")})
    split = hold_out(clips)
    assert split == hold_out(clips)
    held_out = [clip for clip in clips if clip.name in split.held_out]
    assert len(held_out) == 10
    assert len({clip.recording for clip in held_out}) == 1
    assert "whole recordings" in split.rule


def test_recordings_with_all_actions_are_preferred() -> None:
    clips = filmed({"a": {"wave": 4}, "b": {"wave": 8, "jump": 9}, "c": {"wave": 3, "jump": 2}})
    assert {clip.recording for clip in clips if clip.name in hold_out(clips).held_out} == {"c"}


def test_the_last_clips_are_held_out_where_each_action_has_a_recording_of_its_own() -> None:
    clips = filmed({"monday": {"wave": 8}, "tuesday": {"jump": 4}, "friday": {"sit": 1}})
    split = hold_out(clips)
    assert split.held_out == {"wave/monday_6.mp4", "wave/monday_7.mp4", "jump/tuesday_3.mp4"}
    assert "flatters" in split.rule


def test_clips_of_unknown_recordings_are_held_out_by_name() -> None:
    clips = [Labelled(f"{label}/{n:02d}.mp4", label) for label in ("wave", "jump") for n in range(12)]
    expected = {f"{label}/{n:02d}.mp4" for label in ("wave", "jump") for n in (9, 10, 11)}
    assert hold_out(clips).held_out == expected


def test_patterns_name_recordings_or_files() -> None:
    clips = filmed({"ben_1": {"wave": 2}, "ben_2": {"jump": 2}, "anna": {"wave": 3, "jump": 1}})
    assert {name.split("/")[1][:3] for name in hold_out(clips, ["ben*"]).held_out} == {"ben"}
    assert hold_out(clips, ["anna_0.mp4"]).held_out == {"wave/anna_0.mp4", "jump/anna_0.mp4"}
    with pytest.raises(DatasetError, match="--hold-out cem fits no recording and no clip, such as wave/ben_1_0"):
        hold_out(clips, ["cem"])
    with pytest.raises(DatasetError, match="leaves no clip of jump, wave to learn from"):
        hold_out(clips, ["ben*", "anna"])


def test_an_action_with_a_single_clip_keeps_it() -> None:
    clips = [Labelled("wave/a", "wave"), *(Labelled(f"jump/{n}", "jump") for n in range(2))]
    assert last_of_each(clips, 0.9) == {"jump/1"}


@pytest.mark.parametrize(
    ("label", "sided"),
    [("swipe left", True), ("Right_hand_up", True), ("circle counter-clockwise", True), ("bright light", False)],
)
def test_names_that_tell_left_from_right(label: str, sided: bool) -> None:
    assert tells_sides(label) == sided
