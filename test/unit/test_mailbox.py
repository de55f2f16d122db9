"""One slot between two threads."""

from __future__ import annotations

import threading

from deephar_ros.node.mailbox import Mailbox


def test_the_newest_wins_and_the_others_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        box.put(item)
    assert box.take() == 3
    assert box.dropped == 2
    box.put(4)
    assert box.take() == 4
    assert box.dropped == 2


def test_take_waits_for_an_item() -> None:
    box: Mailbox[str] = Mailbox()
    taken: list[str | None] = []
    reader = threading.Thread(target=lambda: taken.append(box.take()))
    reader.start()
    reader.join(0.05)
    assert reader.is_alive()
    box.put("now")
    reader.join(5)
    assert taken == ["now"]


def test_closing_ends_all_waiting() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    readers = [threading.Thread(target=lambda: taken.append(box.take())) for _ in range(2)]
    for reader in readers:
        reader.start()
    box.close()
    for reader in readers:
        reader.join(5)
    assert taken == [None, None]
    assert box.take() is None
