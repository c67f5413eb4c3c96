import torch

from FiReworkRegistrationLib.engine.networks.swin import from_windows
from FiReworkRegistrationLib.engine.networks.xmorpher import CrossAttention, windows


def test_windows_come_back_as_the_tokens():
    tokens = torch.rand(2, 4, 6, 2, 5)
    parts = windows(tokens, 2)
    assert parts.shape == (2, 2, 3, 1, 8, 5)
    assert torch.equal(from_windows(parts.flatten(0, 3), (2, 2, 2), (4, 6, 2)), tokens)


def test_search_windows_are_centered_on_their_window():
    tokens = torch.zeros(1, 8, 8, 8, 1)
    tokens[0, 2, 4, 4] = 1
    seen = windows(tokens, 6)[0, ..., 0]
    # Window (1, 2, 2) begins at token (2, 4, 4): two more on each side are searched.
    assert seen[1, 2, 2].view(6, 6, 6)[2, 2, 2] == 1
    assert seen.sum() == 27


def test_what_lies_beyond_the_border_has_no_say():
    torch.manual_seed(0)
    attention = CrossAttention(4, 2)
    tokens, others = torch.rand(1, 3, 4, 5, 4), torch.rand(1, 1, 1, 1, 4).expand(1, 3, 4, 5, 4)
    # All that can be seen is the same: the answer is its value, unless zeros from outside were mixed in.
    value = attention.key_value(others)[..., 4:]
    assert torch.allclose(attention(tokens, others), attention.project(value), atol=1e-6)
