"""Joint layouts."""

from __future__ import annotations

import pytest

from deephar_ros.skeleton import (
    H36M17,
    LIMB_LENGTHS,
    LSP14,
    MESSAGE_LAYOUTS,
    MPII16,
    NETWORK_LAYOUTS,
    PA16,
    PA17,
    PA20,
    Layout,
)

ALL = [PA16, PA17, PA20, MPII16, H36M17, LSP14]


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_layouts_are_consistent(layout: Layout) -> None:
    assert len(set(layout.joints)) == len(layout)
    assert [layout.flip[i] for i in layout.flip] == list(range(len(layout)))  # flipping twice changes nothing
    assert sum(i == j for i, j in enumerate(layout.flip)) == sum("_" not in joint for joint in layout.joints)
    assert {i for link in layout.link_indices for i in link} == set(range(len(layout)))  # every joint hangs on a bone


def test_network_order_is_the_released_codes() -> None:
    assert PA16.joints[:6] == ("pelvis", "thorax", "neck", "head", "right_shoulder", "left_shoulder")
    assert PA17.joints == (*PA16.joints, "spine")
    # SPNET.md section 3.5: where each joint of MPII goes, and what PA16 takes from MPII
    assert PA16.indices_of(MPII16) == [14, 12, 10, 11, 13, 15, 0, 1, 2, 3, 8, 6, 4, 5, 7, 9]
    assert MPII16.indices_of(PA16) == [6, 7, 8, 9, 12, 13, 11, 14, 10, 15, 2, 3, 1, 4, 0, 5]
    assert [(i, j) for i, j in enumerate(PA20.flip) if i < j] == [(i, i + 1) for i in range(4, 20, 2)]


def test_every_network_layout_can_be_published() -> None:
    assert set(NETWORK_LAYOUTS) == {16, 17, 20}
    for layout in NETWORK_LAYOUTS.values():
        assert set(MESSAGE_LAYOUTS[layout.name].joints) == set(layout.joints)


def test_limbs_exist_in_every_layout_that_is_published() -> None:
    for layout in MESSAGE_LAYOUTS.values():
        assert {joint for limb in LIMB_LENGTHS for joint in limb} <= set(layout.joints)
