"""Dice of structures that are matched by name and seen through a map."""

import numpy as np
import pytest

from FiReworkRegistrationLib.engine.errors import RegistrationError
from FiReworkRegistrationLib.engine.geometry import Grid, Volume
from FiReworkRegistrationLib.engine.maps import DisplacementMap
from FiReworkRegistrationLib.engine.metrics import dice_per_label, mean_dice
from FiReworkRegistrationLib.engine.overlap import LabelLayer, StructureOverlap

SHAPE = (18, 20, 22)


def boxes(shift=0):
    """Two boxes, labels 2035 and 17, moved along i."""
    array = np.zeros(SHAPE, dtype=np.int16)
    array[4:9, 5:11, 4 + shift : 10 + shift] = 2035
    array[10:15, 8:14, 6 + shift : 12 + shift] = 17
    return array


def layer(affine, array, names):
    return LabelLayer(Volume(array, affine, "labels"), names)


@pytest.fixture
def overlap(affine):
    fixed = layer(affine, boxes(), {2035: "insula", 17: "hippocampus"})
    moving = layer(affine, boxes(3), {2035: " Insula ", 17: "HIPPOCAMPUS"})
    return StructureOverlap([fixed], [moving], fixed.volume.grid)


def test_before_is_as_they_lie(overlap):
    assert overlap.dice() == pytest.approx({"hippocampus": 0.5, "insula": 0.5})
    assert dice_per_label(boxes(), boxes(3))[17] == 0.5


def test_after_is_through_the_map(overlap, affine):
    grid = Grid(SHAPE, affine)
    shift = np.tile((3 * grid.linear[:, 0]).astype(np.float32), (*SHAPE, 1))
    after = overlap.dice(DisplacementMap(grid, shift))
    assert after == pytest.approx({"hippocampus": 1.0, "insula": 1.0})
    assert mean_dice(after) == 1.0


def test_moving_labels_on_another_grid(affine):
    finer = affine.copy()
    finer[:3, :3] /= 2
    finer[:3, 3] = Grid(SHAPE, affine).to_ras((-0.25, -0.25, -0.25))
    fine = boxes().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    names = {2035: "insula", 17: "hippocampus"}
    overlap = StructureOverlap([layer(affine, boxes(), names)], [layer(finer, fine, names)], Grid(SHAPE, affine))
    assert mean_dice(overlap.dice()) == pytest.approx(1.0)


def test_overlapping_structures_in_layers(affine):
    whole = (boxes() > 0).astype(np.uint8)
    fixed = [layer(affine, boxes(), {17: "hippocampus"}), layer(affine, whole, {1: "brain"})]
    moving = [layer(affine, whole, {1: "brain"}), layer(affine, boxes(), {17: "hippocampus", 2035: "insula"})]
    overlap = StructureOverlap(fixed, moving, fixed[0].volume.grid)
    assert overlap.dice() == {"hippocampus": 1.0, "brain": 1.0}
    assert overlap.alone == ["insula"]


def test_values_without_a_name_are_background(affine):
    fixed = layer(affine, boxes(), {17: "hippocampus"})
    assert StructureOverlap([fixed], [fixed], fixed.volume.grid).dice() == {"hippocampus": 1.0}


def test_empty_structures(affine):
    names = {17: "hippocampus", 5: "tumor", 9: "cyst"}
    some = boxes()
    some[0, 0, 0] = 5
    overlap = StructureOverlap([layer(affine, some, names)], [layer(affine, boxes(), names)], Grid(SHAPE, affine))
    dice = overlap.dice()
    assert dice["tumor"] == 0.0
    assert np.isnan(dice["cyst"])
    assert mean_dice(dice) == 0.5
    assert np.isnan(mean_dice({"cyst": float("nan")}))


def test_names_that_do_not_match_are_refused(affine):
    def refused(first, second, message):
        with pytest.raises(RegistrationError, match=message):
            StructureOverlap(first, second, Grid(SHAPE, affine), ("A", "B"))

    left, right = layer(affine, boxes(), {17: "left"}), layer(affine, boxes(), {17: "right"})
    refused([left], [right], "'A' and 'B' have no structure of the same name .'left' against 'right'.; give")
    refused([left, layer(affine, boxes(), {17: "Left "})], [right], "'A' has two structures named 'Left '; rename")


def test_a_structure_on_one_slice_is_on_one_slice_only():
    """Segments that Slicer makes of label maps are cut to what they mark."""
    whole, slice_ = np.zeros((12, 20, 22), np.uint8), np.zeros((1, 20, 22), np.uint8)
    whole[7, 5:12, 6:14] = slice_[0, 5:12, 6:14] = 1
    place = np.eye(4)
    place[2, 3] = 7.0
    layers = layer(np.eye(4), whole, {1: "cyst"}), layer(place, slice_, {1: "cyst"})
    grid = layers[0].volume.grid
    still = DisplacementMap(grid, np.zeros((*grid.shape, 3), np.float32))
    for fixed, moving in (layers, layers[::-1]):
        overlap = StructureOverlap([fixed], [moving], grid)
        assert overlap.dice() == overlap.dice(still) == {"cyst": 1.0}
