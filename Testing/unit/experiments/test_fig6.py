import numpy as np
import torch

from FiReworkRegistrationLib.experiments import fig6


def test_the_front_is_up_and_the_right_on_the_left():
    volume = torch.zeros(1, 1, 3, 4, 5)
    # RAS: j grows to the front, i to the patient's right.
    volume[0, 0, 1, 3, 4] = 1.0
    plane = fig6._slice(volume)
    assert plane.shape == (4, 5) and plane[0, 0] == 1.0 and plane.sum() == 1.0


def test_figures_are_taken_inside_the_brain():
    field, fixed = torch.zeros(1, 3, 8, 8, 8), torch.zeros(1, 1, 8, 8, 8)
    field[:, 2] = -0.5 * torch.arange(8.0)
    fixed[..., 2:5] = 1.0
    figures = fig6._figures(field, fixed)
    assert figures == {"longest": 2.0, "least": 0.5}


def test_every_drawn_stage_is_a_column(tmp_path):
    plane = np.linspace(0, 1, 16 * 16).reshape(16, 16)
    columns = [(index, plane, plane * index, 1 - plane * index, plane, plane) for index in (0, 2)]
    fig6._draw(plane, columns, tmp_path / "strip.png")
    assert (tmp_path / "strip.png").read_bytes()[:4] == b"\x89PNG"
