"""Agreement with the authors' released implementation, and proof that a wrong reading of it would be noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deephar_ros.checkpoint import ModelSpec, save_checkpoint
from deephar_ros.cli import verify
from deephar_ros.cli.verify import differences, read_reference
from deephar_ros.model import action, blocks, softargmax, spnet
from deephar_ros.model.keras_import import _keras_name, import_keras
from deephar_ros.model.spnet import SPNet

Forward = Callable[..., Tensor]
NAMES = ["tiny3d_frame", "tiny2d_clip_replica"]


def network(fixtures: Path, name: str) -> SPNet:
    return import_keras(fixtures / f"{name}_weights.h5").net


def worst(net: SPNet, fixtures: Path, name: str, dtype: torch.dtype) -> float:
    kind = "f64" if dtype == torch.float64 else "io"
    reference = read_reference(fixtures / f"{name}_{kind}.npz", fixtures / f"{name}_io.npz")
    return max(difference.found for difference in differences(net, reference, dtype).values())


@pytest.mark.parametrize("name", NAMES)
def test_every_output_agrees(fixtures: Path, name: str) -> None:
    assert worst(network(fixtures, name), fixtures, name, torch.float32) <= 2e-4
    assert worst(network(fixtures, name), fixtures, name, torch.float64) <= 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_every_convolution_agrees(fixtures: Path, name: str) -> None:
    """Where outputs disagree, this tells where the first difference arises."""
    net, seen = network(fixtures, name), {}
    for path, module in net.named_modules():
        if isinstance(module, nn.Conv2d) and not path.endswith("depthwise"):
            layer = _keras_name(f"{path}.weight").split("/")[0]
            module.register_forward_hook(lambda _m, _i, out, layer=layer: seen.update({layer: out.movedim(1, -1)}))
    with np.load(fixtures / f"{name}_io.npz") as io, torch.no_grad():
        net(torch.from_numpy(io["input"]).movedim(-1, -3))
    with np.load(fixtures / f"{name}_intermediates.npz") as file:
        compared = sorted(seen.keys() & set(file.files))
        assert len(compared) > 40
        for layer in compared:
            got = seen[layer].numpy().reshape(file[layer].shape)
            np.testing.assert_allclose(got, file[layer], atol=1e-3, rtol=1e-4, err_msg=layer)


def half_pixel_grid(cells: int, like: Tensor) -> Tensor:
    return (torch.arange(cells, dtype=like.dtype) + 0.5) / cells


def plain_maximum(heatmaps: Tensor) -> Tensor:
    return heatmaps.amax((-2, -1))


def projection_without_relu(
    unit: blocks.ResidualUnit, x: Tensor, right: Forward = blocks.ResidualUnit.forward
) -> Tensor:
    out = right(unit, x)
    if unit.shortcut_conv is None:
        return out
    normalised = unit.bn1(x)
    return out - unit.shortcut_conv(F.relu(normalised)) + unit.shortcut_conv(normalised)


def appearance_of_the_same_pyramid(
    block: spnet.PredictionBlock, x: Tensor, _visual: Tensor, right: Forward = spnet.PredictionBlock.forward
) -> object:
    return right(block, x, x)


def torch_padding(x: Tensor, kernel: tuple[int, int], stride: int) -> Tensor:
    """Symmetric as padding=k//2; the last row and column are then never looked at."""
    rows, cols = (k // 2 for k in kernel)
    return F.pad(x, (cols, cols, rows, rows)) if stride > 1 else x


def keras_epsilon_forgotten(norm: nn.BatchNorm2d, channels: int) -> None:
    nn.BatchNorm2d.__init__(norm, channels)


WRONG: dict[str, tuple[object, str, object]] = {
    "batch-norm epsilon 1e-5": (blocks.BatchNorm, "__init__", keras_epsilon_forgotten),
    "padding of stride-2 convolutions as in PyTorch": (blocks, "pad_same", torch_padding),
    "half-pixel grid": (softargmax, "_grid", half_pixel_grid),
    "confidence is the plain maximum": (spnet, "confidence", plain_maximum),
    "plain max pooling in the action head": (action, "max_min_pool", lambda x: F.max_pool2d(x, 2)),
    "plain global maximum in the action head": (action, "global_max_min", lambda x: x.amax((-2, -1))),
    "projection without the ReLU": (blocks.ResidualUnit, "forward", projection_without_relu),
    "appearance of the same pyramid": (spnet.PredictionBlock, "forward", appearance_of_the_same_pyramid),
}


@pytest.mark.parametrize("reading", list(WRONG))
def test_a_wrong_reading_is_noticed(reading: str, fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "tiny2d_clip_replica"
    monkeypatch.setattr(*WRONG[reading])
    assert worst(network(fixtures, name), fixtures, name, torch.float32) > 1e-2


def test_the_verify_command(
    fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0 and a line per output where all agree, 1 and the culprit named where one does not."""
    name = NAMES[0]
    net, size, _ = import_keras(fixtures / f"{name}_weights.h5")
    save_checkpoint(tmp_path, net, ModelSpec(net.config, size), "", half=False)
    call = ["verify", str(tmp_path), "--reference", str(fixtures / f"{name}_io.npz")]
    monkeypatch.setattr("sys.argv", call)
    assert verify.main() == 0
    assert "9 outputs, 0 beyond the tolerance" in capsys.readouterr().out

    with torch.no_grad():
        net.blocks["dp3_pb3"].heatmaps_conv1.weight.mul_(1.01)  # type: ignore[union-attr]
    save_checkpoint(tmp_path, net, ModelSpec(net.config, size), "", half=False)
    assert verify.main() == 1
    beyond = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith("BEYOND")]
    assert beyond == ["pose_p3_l4"]  # the last block
