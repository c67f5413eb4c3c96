import pytest
import torch

from FiReworkRegistrationLib.engine.errors import Cancelled
from FiReworkRegistrationLib.engine.filters import smooth
from FiReworkRegistrationLib.engine.iteration_store import FieldStore
from FiReworkRegistrationLib.engine.networks.catalog import build_network
from FiReworkRegistrationLib.engine.refiner import Refiner

SHAPE = (1, 3, 20, 24, 16)
FULL = 4 * 3 * 20 * 24 * 16


def fields(count):
    """The start, and smooth fields of up to 8 voxels."""
    rest = [smooth(torch.randn(SHAPE), 3.0) for _ in range(count)]
    return [torch.zeros(SHAPE), *(8 * field / field.abs().max() for field in rest)]


def filled(given, budget):
    store = FieldStore(budget)
    for field in given:
        store.append(field)
    return store


def test_everything_is_exact_while_it_fits():
    given = fields(4)
    store = filled(given, 4 * FULL)
    assert len(store) == 5 and store.nbytes == 4 * FULL
    for index, field in enumerate(given):
        assert torch.equal(store[index], field) and store.error(index) == 0


@pytest.mark.parametrize("budget", [2.5, 2.0, 1.3])
def test_stays_within_the_budget_and_states_a_true_error(budget):
    given = fields(5)
    store = filled(given, int(budget * FULL))
    assert store.nbytes <= budget * FULL
    for index, field in enumerate(given):
        off = (store[index] - field).norm(dim=1).max().item()
        assert off <= store.error(index) + 1e-6
        assert store[index].dtype == torch.float32 and store[index].shape == SHAPE
    assert store.error(0) == store.error(5) == 0
    assert store.error(1) > 0


def test_half_precision_costs_thousandths_of_a_voxel():
    store = filled(fields(4), int(2.5 * FULL))
    assert 0 < store.error(1) < 0.01


def test_replace_makes_one_exact_again_within_the_budget():
    given = fields(5)
    store = filled(given, int(3.2 * FULL))
    assert store.error(2) > 0
    store.replace(2, given[2])
    assert torch.equal(store[2], given[2]) and store.error(2) == 0
    assert store.nbytes <= 3.2 * FULL


def test_what_must_stay_exact_is_not_packed():
    given, store = fields(3), FieldStore(int(1.5 * FULL))
    for index, field in enumerate(given):
        store.append(field, exact=index == 1)
    assert torch.equal(store[1], given[1]) and store.error(1) == 0 < store.error(2)


@pytest.fixture
def refiner():
    network = build_network("firework-vm", {"encoder": [4, 4], "decoder": [4, 4], "final": [4]})
    torch.nn.init.normal_(network.backbone.flow.weight, std=0.1)
    pair = torch.rand(2, 1, 1, 16, 16, 20)
    return Refiner(network, *pair, budget=3 * 4 * 3 * 16 * 16 * 20)


def test_the_refiner_restores_full_precision_by_computing_again(refiner):
    seen = [iteration.field.clone() for iteration in refiner.refine(6)]
    assert refiner.fields.error(1) > 0
    refiner.restore(2)
    assert refiner.fields.error(2) == 0
    assert torch.allclose(refiner.iterations[2].field, seen[1], atol=1e-5)
    assert torch.equal(refiner.last.field, seen[-1])
    more = list(refiner.refine(7))
    assert [iteration.index for iteration in more] == [7]


def test_restoring_can_be_cancelled(refiner):
    list(refiner.refine(6))
    error = refiner.fields.error(2)
    with pytest.raises(Cancelled):
        refiner.restore(2, cancelled=lambda: True)
    assert refiner.fields.error(2) == error > 0


def test_a_field_that_there_is_no_memory_for_is_not_there(monkeypatch):
    given = fields(3)
    store = filled(given, 3 * FULL)

    def full(kept):
        raise MemoryError

    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr("FiReworkRegistrationLib.engine.iteration_store._to_half", full)
        store.append(given[1])
    assert len(store) == 4
    store.append(given[2])
    assert torch.equal(store[4], given[2])
