"""One place for each sender, between threads."""

from __future__ import annotations

import threading

from deephar_ros.node.inbox import Inbox


def test_the_newest_of_each_sender_wins_and_the_others_are_counted() -> None:
    box: Inbox[int] = Inbox()
    for item in (1, 2, 3):
        box.put("front", item)
    box.put("left", 10)
    assert box.take() == {"front": 3, "left": 10}
    assert (box.replaced("front"), box.replaced("left")) == (2, 0)
    box.put("front", 4)
    assert box.take() == {"front": 4}
    assert box.replaced("front") == 2


def test_take_waits_for_an_item() -> None:
    box: Inbox[str] = Inbox()
    taken: list[dict[str, str]] = []
    reader = threading.Thread(target=lambda: taken.append(box.take()))
    reader.start()
    reader.join(0.05)
    assert reader.is_alive()
    box.put("", "now")
    reader.join(5)
    assert taken == [{"": "now"}]


def test_closing_ends_all_waiting_and_gives_up_what_is_there() -> None:
    box: Inbox[int] = Inbox()
    taken: list[dict[str, int]] = []
    readers = [threading.Thread(target=lambda: taken.append(box.take())) for _ in range(2)]
    for reader in readers:
        reader.start()
    box.close()
    for reader in readers:
        reader.join(5)
    box.put("", 1)
    assert [*taken, box.take()] == [{}, {}, {}]
