import pytest
import torch

from FiReworkRegistrationLib.engine.fields import forward_differences, one_sided_determinant
from FiReworkRegistrationLib.engine.regularity import add_fold_penalty, add_steepness

SIGNS = [(1, 1, 1), (-1, 1, -1)]


def random_field(size=0.4):
    return size * torch.randn(1, 3, 9, 8, 7, generator=torch.Generator().manual_seed(0))


def gradient_of(term, field):
    field = field.clone().requires_grad_()
    value = term(field)
    return value.item(), torch.autograd.grad(value, field)[0]


@pytest.mark.parametrize("rows", [slice(0, 9), slice(2, 5), slice(6, 9)])
def test_steepness_is_the_sum_of_squared_differences_with_its_gradient(rows):
    def term(field):
        along_k = field[:, :, rows.start : rows.stop + 1].diff(dim=2)
        others = (field[:, :, rows].diff(dim=axis) for axis in (3, 4))
        return sum(
            weight * part.square().sum() for weight, part in zip((1.0, 2.0, 3.0), (along_k, *others), strict=True)
        )

    field = random_field()
    value, expected = gradient_of(term, field)
    gradient = torch.ones_like(field)
    assert add_steepness(forward_differences(field), rows, (1.0, 2.0, 3.0), gradient) == pytest.approx(value, rel=1e-5)
    assert torch.allclose(gradient - 1, expected, atol=1e-4)


def test_planes_taken_apart_add_up():
    field = random_field()
    whole, parts = torch.zeros_like(field), torch.zeros_like(field)
    differences, weights = forward_differences(field), (1.0, 1.0, 1.0)
    value = add_steepness(differences, slice(0, 9), weights, whole)
    values = [add_steepness(differences, rows, weights, parts) for rows in (slice(0, 4), slice(4, 9))]
    assert sum(values) == pytest.approx(value, rel=1e-5)
    assert torch.allclose(whole, parts, atol=1e-5)


@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("rows", [slice(None), slice(0, 9), slice(2, 7)])
def test_the_fold_penalty_is_what_lies_below_the_bound_with_its_gradient(signs, rows):
    def term(field):
        differences = forward_differences(field[:, :, rows])
        return 0.5 * (0.1 - one_sided_determinant(differences, signs)).clamp(min=0).sum()

    field = random_field()
    value, expected = gradient_of(term, field)
    gradient = torch.ones_like(field)
    part = field[:, :, rows]
    found = add_fold_penalty(part, forward_differences(part), signs, 0.1, gradient[:, :, rows], 0.5)
    assert 0 < value == pytest.approx(found, rel=1e-5)
    assert torch.allclose(gradient - 1, expected, atol=1e-5) and expected.any()


def test_without_folds_there_is_no_fold_penalty():
    field = torch.zeros(1, 3, 5, 5, 5)
    gradient = torch.zeros_like(field)
    assert add_fold_penalty(field, forward_differences(field), (1, 1, 1), 0.1, gradient) == 0
    assert not gradient.any()


def test_what_was_made_in_inference_mode_is_taken_too():
    with torch.inference_mode():
        field = random_field()
    gradient = torch.zeros(field.shape)
    assert add_fold_penalty(field, forward_differences(field), (1, 1, 1), 0.1, gradient) > 0
    assert gradient.any()
