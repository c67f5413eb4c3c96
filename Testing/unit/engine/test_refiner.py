import pytest
import torch

from FiReworkRegistrationLib.engine.errors import Cancelled, RegistrationError
from FiReworkRegistrationLib.engine.networks.catalog import build_network
from FiReworkRegistrationLib.engine.refiner import Refiner
from FiReworkRegistrationLib.engine.warping import warp

SETTINGS = {"encoder": [4, 4], "decoder": [4, 4], "final": [4]}


@pytest.fixture
def network():
    network = build_network("firework-vm", SETTINGS)
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.1)
    return network


@pytest.fixture
def pair():
    return torch.rand(1, 1, 16, 16, 20), torch.rand(1, 1, 16, 16, 20)


def test_follows_the_recursion_of_the_paper(network, pair):
    refiner = Refiner(network, *pair)
    list(refiner.refine(3))
    field = torch.zeros(1, 3, 16, 16, 20)
    with torch.no_grad():
        for iteration in refiner.iterations[1:]:
            field = field - network(*pair, field, warp(pair[1], field))
            assert torch.allclose(iteration.field, field, atol=1e-5)


def test_five_then_eight_equals_eight(network, pair):
    first, second = Refiner(network, *pair), Refiner(network, *pair)
    list(first.refine(5))
    more = list(first.refine(8))
    assert [iteration.index for iteration in more] == [6, 7, 8]
    list(second.refine(8))
    assert torch.equal(first.last.field, second.last.field)


def test_iteration_zero_is_the_start(network, pair):
    start = Refiner(network, *pair).iterations[0]
    assert start.index == 0 and not start.field.any() and start.mean_change == 0


def test_a_mask_ends_in_the_same_place_on_a_finer_grid(network):
    mask = torch.zeros(1, 1, 16, 16, 16)
    mask[..., 5:9, 5:9, 5:9] = 1
    refiner = Refiner(network, *torch.rand(2, 1, 1, 16, 16, 16), mask=mask)
    # Voxels 5 to 8, each of them three voxels wide there.
    fine = refiner.mask_for(torch.zeros(1, 3, 46, 46, 46))[0, 0, :, 20, 20]
    assert fine.nonzero().flatten().tolist() == list(range(14, 26))


def test_figures_and_progress_of_every_iteration(network, pair):
    told = []
    mask = (pair[0] > 0.2).float()
    for iteration in Refiner(network, *pair, mask=mask).refine(2, told.append):
        assert told[-1] is iteration
        assert 0 <= iteration.local_ncc <= 1 and -1 <= iteration.global_ncc <= 1
        assert 0 <= iteration.percent_folded <= 100
        assert 0 < iteration.mean_change <= iteration.p95_change
        assert iteration.field.dtype == torch.float32 and iteration.seconds > 0


def test_two_pairs_in_turn_equal_two_alone(network, pair):
    other = (pair[1], pair[0])
    alone = [list(Refiner(network, *images).refine(2))[-1].field for images in (pair, other)]
    refiners = [Refiner(network, *images) for images in (pair, other)]
    streams = [refiner.refine(2) for refiner in refiners]
    for _ in range(2):
        for stream in streams:
            next(stream)
    for refiner, field in zip(refiners, alone, strict=True):
        assert torch.equal(refiner.last.field, field)


def test_cancel_keeps_finished_iterations_and_can_go_on(network, pair):
    refiner = Refiner(network, *pair)
    with pytest.raises(Cancelled, match="after iteration 2"):
        list(refiner.refine(5, cancelled=lambda: refiner.last.index >= 2))
    assert refiner.last.index == 2
    assert list(refiner.refine(3))[-1].index == 3


def test_bad_settings_are_named(network, pair):
    with pytest.raises(RegistrationError, match="choose 1 or more"):
        list(Refiner(network, *pair).refine(0))
    with pytest.raises(RegistrationError, match="grids differ"):
        Refiner(network, pair[0], torch.rand(1, 1, 16, 16, 16))
    with pytest.raises(RegistrationError, match="multiple of 4"):
        Refiner(network, *torch.rand(2, 1, 1, 15, 16, 16))


def test_numbers_that_blow_up_are_reported(network, pair):
    network.backbone.flow.bias.data.fill_(float("nan"))
    with pytest.raises(RegistrationError, match="fp32 or another model"):
        list(Refiner(network, *pair).refine(1))


@pytest.mark.parametrize("fails", ["iteration", "polish"])
def test_what_fails_at_its_end_leaves_the_refiner_where_it_was(network, pair, monkeypatch, fails):
    """Such as for want of memory: the panel goes on with what is there."""
    whole, refiner = Refiner(network, *pair), Refiner(network, *pair)
    list(whole.refine(3))
    list(refiner.refine(2))

    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patched, pytest.raises(torch.OutOfMemoryError):
        patched.setattr("FiReworkRegistrationLib.engine.refiner.percent_folded", full)
        list(refiner.refine(3)) if fails == "iteration" else refiner.accept(torch.ones(1, 3, 16, 16, 20), 1.0)
    assert refiner.last.index == 2
    assert torch.equal(next(refiner.refine(3)).field, whole.last.field)
