"""The page about a session: what it tells, for one frame, ten thousand, nobody and many people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from bodies import person as random_body

from deephar_ros.draw import VideoWriter
from deephar_ros.geometry import Box
from deephar_ros.infer.overlay import Composer
from deephar_ros.infer.records import Header, Record, RecordsError, header_line, record_line
from deephar_ros.infer.story import key_sights, read_story, spans
from deephar_ros.infer.summary import COLUMNS, confidence_strip, write_summary
from deephar_ros.infer.thumbnails import key, thumbnails
from deephar_ros.people import Action, Person, Result, State
from deephar_ros.skeleton import H36M17

LABELS = (("sit", "stand", "walk"),)
WIDTH, HEIGHT = 320, 240
HEADER = Header(
    "0.1.0", "clip.mp4", "", WIDTH, HEIGHT, None, "h36m17", H36M17.joints, LABELS, "tiny", "", True, True, {}
)  # fmt: skip
STEP = 40_000_000


def somebody(id: str, seed: int = 0, confidence: float = 0.9, x: float = 160) -> Person:
    body = random_body(np.random.default_rng(seed))
    joints = body[:, :2] * 80 + [x, 120]
    box = Box(x - 40, 30, x + 40, 210)
    return Person(id, State.TRACKED, H36M17, joints, body, np.full(17, confidence), box)


def doing(id: str, label: str) -> Action:
    return Action(id, 0, 8, LABELS[0], np.where(np.array(LABELS[0]) == label, 0.8, 0.1), label)


def record(number: int, people: tuple[Person, ...] = (), actions: tuple[Action, ...] = ()) -> Record:
    return Record(number, 10**15 + number * STEP, "camera", WIDTH, HEIGHT, people, actions)


def write(folder: Path, records: list[Record], header: Header = HEADER) -> Path:
    path = folder / "records.jsonl"
    path.write_text(header_line(header) + "".join(record_line(record, header) for record in records))
    return path


def page(folder: Path, records: list[Record], header: Header = HEADER) -> np.ndarray:
    """The page in grey; the same records always give the same one."""
    write_summary(write(folder, records, header), folder / "summary.png")
    picture = cv2.imread(str(folder / "summary.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.fixture(scope="module")
def ordinary() -> list[Record]:
    """Two people in 50 frames; "b" is seen in 10 of them only, with a gap."""
    records = []
    for number in range(50):
        people = [somebody("a", number // 10)]
        if number in (*range(10, 16), *range(30, 34)):
            people.append(somebody("b", 7, confidence=0.3))
        action = doing("a", "walk" if 20 <= number < 40 else "stand")
        records.append(record(number, tuple(people), (action,) if number >= 8 else ()))
    return records


def test_the_story_tells_who_was_seen_when_and_did_what(tmp_path: Path, ordinary: list[Record]) -> None:
    story = read_story(write(tmp_path, ordinary))
    assert [(life.id, len(life.sights)) for life in story.lives] == [("a", 50), ("b", 10)]
    assert story.step == pytest.approx(0.04)
    assert story.end == pytest.approx(2.0)
    assert [sight.frame for sight in story.lives[1].sights] == [*range(10, 16), *range(30, 34)]
    a = story.lives[0]
    runs = spans([deed.seconds for deed in a.deeds], [deed.label for deed in a.deeds], story.step)
    assert [(round(begin, 3), round(end, 3), label) for begin, end, label in runs] == [
        (0.32, 0.8, "stand"), (0.8, 1.6, "walk"), (1.6, 2.0, "stand"),
    ]  # fmt: skip


def test_those_who_are_lost_are_not_seen_and_time_goes_on_when_a_bag_starts_again(tmp_path: Path) -> None:
    lost = replace(somebody("a"), state=State.LOST)
    records = [record(0, (somebody("a"),)), record(5, (lost,)), record(2), record(3, (somebody("b"),))]
    story = read_story(write(tmp_path, records))
    assert [(life.id, len(life.sights)) for life in story.lives] == [("a", 1), ("b", 1)]
    assert (np.diff(story.seconds) >= 0).all()


def test_a_gap_ends_a_run() -> None:
    assert len(spans([0, 1, 2, 7, 8], ["x"] * 5, 1.0)) == 2


def test_key_moments_are_where_the_pose_changes(tmp_path: Path) -> None:
    """Still for 80 frames, then moving for 20: most moments lie in the last fifth."""
    records = [record(n, (somebody("a", seed=max(n - 79, 0)),)) for n in range(100)]
    sights = key_sights(read_story(write(tmp_path, records)).lives[0], 6)
    assert len(sights) == 6
    assert [sight.frame for sight in sights] == sorted({sight.frame for sight in sights})
    assert sights[0].frame == 0
    assert sights[-1].frame == 99
    assert sum(sight.frame >= 79 for sight in sights) >= 4


def test_moments_of_somebody_who_never_moves_are_spread_evenly(tmp_path: Path) -> None:
    story = read_story(write(tmp_path, [record(n, (somebody("a"),)) for n in range(101)]))
    assert [sight.frame for sight in key_sights(story.lives[0], 5)] == pytest.approx([0, 25, 50, 75, 100], abs=1)


@pytest.mark.parametrize("frames", [1, 50, 3001])
def test_the_strip_keeps_every_frame_and_shows_when_nobody_was_seen(tmp_path: Path, frames: int) -> None:
    seen = [n for n in range(frames) if n < frames / 2]
    records = [
        record(n, (somebody("a", confidence=0.2 + 0.6 * n / frames),) if n in seen else ()) for n in range(frames)
    ]
    story = read_story(write(tmp_path, records))
    strip, edges = confidence_strip(story.lives[0], story)
    assert strip.shape == (17, min(frames, COLUMNS)) == (17, len(edges) - 1)
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (0, pytest.approx(story.end))
    known = np.isfinite(strip[0])
    assert known.mean() == pytest.approx(len(seen) / frames, abs=0.01)
    expected = 0.2 + 0.6 * (edges[:-1][known] / story.end)
    np.testing.assert_allclose(strip[3][known], expected, atol=0.02)


def test_the_page_shows_who_did_what(tmp_path: Path, ordinary: list[Record]) -> None:
    whole = page(tmp_path, ordinary)
    assert whole.shape[1] == 1200
    quiet = [replace(r, actions=()) for r in ordinary]
    assert (page(tmp_path, quiet) != whole).any()
    alone = [replace(r, people=r.people[:1]) for r in ordinary]
    assert page(tmp_path, alone).shape[0] < whole.shape[0]  # a lane and a strip less


def test_the_page_says_that_outputs_are_untrained(tmp_path: Path, ordinary: list[Record]) -> None:
    pages = [  # no more than the lines below the name
        page(tmp_path, ordinary[:3], replace(HEADER, depth_trained=depth, action_trained=action))[:90]
        for depth, action in ((True, True), (False, True), (True, False))
    ]
    ink = [(picture < 128).sum() for picture in pages]
    assert min(ink[1:]) > ink[0] + 100


@pytest.mark.parametrize("people", [0, 1, 12])
def test_one_frame_is_enough(tmp_path: Path, people: int) -> None:
    picture = page(tmp_path, [record(0, tuple(somebody(str(i), i, x=20 * i) for i in range(people)))])
    assert (picture < 128).sum() > 500


def test_nobody_in_a_source_without_frames_is_no_error(tmp_path: Path) -> None:
    assert (page(tmp_path, []) < 128).sum() > 500


def test_of_many_people_those_seen_most_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    records = [record(n, tuple(somebody(str(i), i) for i in range(12) if n <= i)) for n in range(12)]
    twelve = page(tmp_path, records)
    story = read_story(tmp_path / "records.jsonl")
    assert [life.id for life in story.lives[:6]] == ["11", "10", "9", "8", "7", "6"]
    seven = page(tmp_path, [replace(r, people=tuple(p for p in r.people if int(p.id) > 4)) for r in records])
    assert twelve.shape == seven.shape
    rows, columns = np.nonzero(twelve != seven)
    assert len(rows)  # the number of people, and of those not on the page
    assert rows.max() < 90
    assert columns.max() < 600


def test_what_is_unknown_does_no_harm(tmp_path: Path) -> None:
    nothing = np.full((17, 3), np.nan)
    unknown = replace(somebody("a"), joints=nothing[:, :2], position=nothing, confidence=nothing[:, 0])
    unknown = replace(unknown, box=Box(*[float("nan")] * 4))
    flat = somebody("b")
    flat.position[:, 2] = np.nan
    page(tmp_path, [record(n, (unknown, flat)) for n in range(20)])


def test_no_records_are_reported(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("nonsense\n")
    with pytest.raises(RecordsError, match="line 1"):
        write_summary(tmp_path / "records.jsonl", tmp_path / "summary.png")


def shade(frame: int) -> int:
    """Far from that of the frames before and after."""
    return 50 + 67 * frame % 200


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of 260 frames, and their overlay video: the brightness around the person tells the frame."""
    folder = tmp_path_factory.mktemp("filmed")
    records = [record(n, (somebody("a", n),)) for n in range(260)]
    write(folder, records)
    composer = Composer(H36M17, LABELS)
    with VideoWriter(folder / "overlay.mp4") as video:
        for n in range(260):
            pixels = np.full((HEIGHT, WIDTH, 3), 0, np.uint8)
            pixels[:, 120:200] = shade(n)
            video.add(composer.compose(pixels, Result()), n * STEP / 1e9)
    return folder


def test_thumbnails_show_the_person_in_the_very_frame(filmed: Path) -> None:
    story = read_story(filmed / "records.jsonl")
    sights = [story.lives[0].sights[n] for n in (250, 0, 3, 4, 130)]  # near and far, forward, back to the order
    pictures = thumbnails(filmed / "overlay.mp4", story, sights)
    for sight in sights:
        picture = pictures[key(sight)]
        height, width = picture.shape[:2]
        assert picture[height // 2, width // 2].mean() == pytest.approx(shade(sight.frame), abs=8)
        assert picture[height // 2, 1].mean() < 10  # the box is 80 of the width, MARGIN shows what is beside it


def test_a_video_of_other_frames_gives_no_thumbnails(filmed: Path, tmp_path: Path) -> None:
    fewer = read_story(write(tmp_path, [record(n, (somebody("a", n),)) for n in range(259)]))
    assert thumbnails(filmed / "overlay.mp4", fewer, fewer.lives[0].sights[:2]) == {}
    other = [replace(record(n, (somebody("a", n),)), width=WIDTH if n else 100) for n in range(260)]
    story = read_story(write(tmp_path, other))
    assert thumbnails(filmed / "overlay.mp4", story, story.lives[0].sights[:2]) == {}


def test_the_page_takes_its_thumbnails_from_the_video_beside_the_records(filmed: Path, tmp_path: Path) -> None:
    write_summary(filmed / "records.jsonl", tmp_path / "with.png")
    (tmp_path / "records.jsonl").write_bytes((filmed / "records.jsonl").read_bytes())
    write_summary(tmp_path / "records.jsonl", tmp_path / "without.png")
    heights = [cv2.imread(str(tmp_path / f"{name}.png")).shape[0] for name in ("with", "without")]
    assert heights[0] > heights[1] + 100


def test_ten_thousand_frames_make_one_page(tmp_path: Path) -> None:
    lines = [record_line(record(n, (somebody("a", n % 5),), (doing("a", "walk"),)), HEADER) for n in range(100)]
    many = [
        lines[n % 100].replace(f'"stamp": {10**15 + n % 100 * STEP}', f'"stamp": {10**15 + n * STEP}')
        for n in range(10_000)
    ]
    (tmp_path / "records.jsonl").write_text(header_line(HEADER) + "".join(many))
    write_summary(tmp_path / "records.jsonl", tmp_path / "summary.png")
    assert cv2.imread(str(tmp_path / "summary.png")).shape[0] < 1200
    assert (tmp_path / "summary.png").stat().st_size < 1_000_000
