"""The overlay: what is drawn over the frame, and that the frame stays as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sample_people import HEIGHT, WIDTH, absolute, action

from deephar_ros.draw import LEFT, write_text_at
from deephar_ros.node.overlay import BOX_COLOURS, draw_overlay
from deephar_ros.people import Frame, Result, State
from deephar_ros.skeleton import H36M17

GREY = 100


def frame(channels: int = 3) -> Frame:
    return Frame(np.full((HEIGHT, WIDTH, channels), GREY, np.uint8))


def changed(picture: np.ndarray) -> np.ndarray:
    return (picture != GREY).any(-1)


def test_skeletons_are_drawn_over_a_copy_of_the_frame() -> None:
    source, person = frame(), absolute()
    picture = draw_overlay(source, Result(display=(person,)))
    x, y = person.joints[[H36M17.index("left_hip"), H36M17.index("left_knee")]].mean(0)
    assert np.abs(picture[round(y), round(x)].astype(int) - LEFT).max() < 30
    assert (source.pixels == GREY).all()
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.flags.c_contiguous


def test_only_display_is_drawn() -> None:
    assert not changed(draw_overlay(frame(), Result(people=(absolute(),)))).any()


@pytest.mark.parametrize(("channels", "rgb"), [(3, (2, 1, 0)), (4, (2, 1, 0)), (4, (0, 1, 2)), (1, (0, 0, 0))])
def test_every_order_of_channels_and_row_padding_comes_out_as_rgb(channels: int, rgb: tuple[int, int, int]) -> None:
    padded = np.random.default_rng(0).integers(0, 256, (20, 50, channels), np.uint8)
    pixels = padded[:, :40]
    picture = draw_overlay(Frame(pixels, rgb), Result())
    np.testing.assert_array_equal(picture, pixels[..., rgb])


@pytest.mark.parametrize("state", list(State))
def test_the_box_has_the_colour_of_the_state(state: State) -> None:
    person = absolute(state=state)
    picture = draw_overlay(frame(), Result(display=(person,)))
    middle = round((person.box.left + person.box.right) / 2)
    assert picture[round(person.box.top), middle].tolist() == list(BOX_COLOURS[state])


def test_the_action_stands_above_the_head_of_its_person() -> None:
    person = absolute()
    without, other, own = (
        draw_overlay(frame(), Result(display=(person,), actions=actions))
        for actions in ((), (action("13"),), (action("12"),))
    )
    np.testing.assert_array_equal(without, other)
    rows, columns = np.nonzero((own != without).any(-1))
    x, y = person.joints[H36M17.index("head")]
    assert y - 30 < rows.min() < rows.max() < y
    assert x - 5 < columns.min() < x + 10


def test_the_status_is_written_at_the_top() -> None:
    rows, columns = np.nonzero(changed(draw_overlay(frame(), Result(), "29.7 Hz, torch cuda:0")))
    assert rows.max() < HEIGHT / 10
    assert columns.max() > WIDTH / 4


def test_what_is_unknown_is_not_drawn() -> None:
    person = absolute()
    unknown = replace(person, joints=np.full((17, 2), np.nan), box=person.box._replace(left=float("nan")))
    assert not changed(draw_overlay(frame(), Result(display=(unknown,)))).any()
    headless = replace(person, joints=np.where(np.arange(17)[:, None] == 10, np.nan, person.joints))
    assert H36M17.joints[10] == "head"
    with_action, without = (
        draw_overlay(frame(), Result(display=(headless,), actions=actions)) for actions in ((action(),), ())
    )
    assert np.nonzero((with_action != without).any(-1))[0].max() < person.box.top


@pytest.mark.parametrize(("x", "y"), [(-500, -500), (5000, 5000), (320, -1)])
def test_text_is_moved_into_the_picture(x: float, y: float) -> None:
    picture, middle = (np.full((HEIGHT, WIDTH, 3), GREY, np.uint8) for _ in range(2))
    write_text_at(picture, "walk 0.83", x, y)
    write_text_at(middle, "walk 0.83", 200, 200)
    assert changed(picture).sum() == changed(middle).sum()
