import pytest
import torch

from FiReworkRegistrationLib.engine.networks.swin import (
    DropPath,
    PatchMerging,
    SwinBlock,
    WindowAttention,
    from_windows,
    padded_size,
    strangers,
    to_windows,
)


def test_windows_hold_neighbours_and_go_back():
    tokens = torch.arange(4 * 6 * 4.0).view(1, 4, 6, 4, 1).repeat(2, 1, 1, 1, 1)
    windows = to_windows(tokens, (2, 3, 2))
    assert windows.shape == (16, 12, 1)
    assert torch.equal(windows[0].flatten(), tokens[0, :2, :3, :2].flatten())
    assert torch.equal(from_windows(windows, (2, 3, 2), (4, 6, 4)), tokens)
    assert padded_size((4, 5, 7), (2, 3, 2)) == (4, 6, 8)


def test_only_wrapped_and_padded_tokens_are_strangers():
    assert strangers((4, 4, 4), (2, 2, 2), (0, 0, 0), "cpu") is None
    apart = strangers((4, 1, 1), (2, 1, 1), (1, 0, 0), "cpu")
    assert not apart[0].any()
    assert apart[1].tolist() == [[False, True], [True, False]]
    apart = strangers((3, 1, 1), (2, 1, 1), (0, 0, 0), "cpu")
    assert not apart[0].any() and apart[1, 0, 1] and not apart[1, 0, 0]


@pytest.mark.parametrize("shifted", [False, True])
def test_opposite_borders_do_not_see_each_other(shifted):
    block = SwinBlock(4, 2, (2, 2, 2), shifted).eval()
    tokens = torch.randn(1, 6, 4, 4, 4)
    changed = tokens.clone()
    changed[:, -1] += torch.randn(4, 4, 4)
    with torch.no_grad():
        moved = (block(changed) - block(tokens)).abs().amax(dim=(0, 2, 3, 4)) > 1e-6
    assert moved.tolist() == ([False] * 5 + [True] if shifted else [False] * 4 + [True] * 2)


def test_padding_changes_nothing_within_whole_windows():
    block = SwinBlock(4, 2, (2, 2, 2), shifted=False).eval()
    tokens = torch.randn(1, 5, 4, 4, 4)
    with torch.no_grad():
        assert torch.allclose(block(tokens)[:, :4], block(tokens[:, :4].contiguous()), atol=1e-6)
        # A window of one plane and one plane of padding: nothing but that plane counts.
        doubled = torch.cat([tokens[:, 4:], tokens[:, 4:]], dim=1)
        block.attention.table.zero_()
        assert torch.allclose(block(tokens)[:, 4:], block(doubled)[:, :1], atol=1e-5)


def test_relative_positions_share_their_bias():
    attention = WindowAttention(4, 2, (2, 3, 2))
    assert attention.table.shape == (3 * 5 * 3, 2)
    assert len(attention.index.unique()) == 45
    assert len(attention.index.diagonal().unique()) == 1
    assert "index" not in attention.state_dict()
    with pytest.raises(ValueError, match="heads"):
        WindowAttention(6, 4, (2, 2, 2))


def test_dropped_paths_keep_the_mean_and_rest_in_evaluation():
    torch.manual_seed(0)
    drop, ones = DropPath(0.25), torch.ones(4000, 1)
    assert drop(ones).unique().tolist() == pytest.approx([0, 4 / 3])
    assert drop(ones).mean() == pytest.approx(1, abs=0.05)
    assert drop.eval()(ones) is ones


def test_merging_halves_the_grid_and_doubles_the_channels():
    assert PatchMerging(3)(torch.randn(2, 4, 6, 2, 3)).shape == (2, 2, 3, 1, 6)
