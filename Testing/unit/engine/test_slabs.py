import pytest
import torch

from FiReworkRegistrationLib.engine.slabs import LEAST_PLANES, LEAST_VOXELS, counted_from, slabs, wider

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("voxels", [None, 1, 700, 10**9])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_they_cover_every_plane_once(voxels, workers):
    found = slabs((23, 60, 50), CPU, workers, voxels)
    assert [plane for part in found for plane in range(part.start, part.stop)] == list(range(23))
    assert all(part.stop > part.start for part in found)


def test_a_cpu_takes_as_much_as_its_cache_holds_and_a_gpu_everything():
    shape = 145, 181, 147
    assert len(slabs(shape, CPU)) == 8
    assert len(slabs(shape, GPU)) == 1


@pytest.mark.parametrize(("workers", "count"), [(2, 8), (3, 9), (5, 10), (16, 16)])
def test_no_worker_waits_for_the_last_slab(workers, count):
    assert len(slabs((145, 181, 147), CPU, workers)) == count


def test_thin_and_small_slabs_are_not_worth_a_worker():
    assert len(slabs((19, 23, 19), CPU, 8)) == 1
    small = slabs((76, 60, 60), CPU, 8)
    assert len(small) == 76 * 60 * 60 // LEAST_VOXELS
    thin = slabs((20, 200, 200), CPU, 8)
    assert len(thin) == 20 // LEAST_PLANES


def test_wider_ends_at_the_box_and_counting_from_it_finds_the_part_again():
    seen = wider(slice(1, 4), 3, 6)
    assert seen == slice(0, 6)
    assert counted_from(wider(slice(4, 6), 3, 20), slice(4, 6)) == slice(3, 5)
