"""Adam of one tensor."""

import subprocess
import sys

import pytest
import torch

from FiReworkRegistrationLib.engine import adam as module
from FiReworkRegistrationLib.engine.adam import Adam


@pytest.mark.parametrize("version", ["2.2.2", "2.13.0+cpu"])
def test_steps_are_those_of_torch(version, monkeypatch):
    monkeypatch.setattr(torch, "__version__", version)
    ours, theirs = torch.ones(2, 3), torch.ones(2, 3, requires_grad=True)
    optimizer, reference = Adam(ours, 0.3), torch.optim.Adam([theirs], 0.3)
    for gradient in torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0)):
        optimizer.step(gradient)
        theirs.grad = gradient
        reference.step()
    torch.testing.assert_close(ours, theirs.detach())


def test_the_compiler_is_not_loaded():
    code = (
        "import sys, torch; from FiReworkRegistrationLib.engine.adam import Adam; "
        "Adam(torch.ones(2), 0.1).step(torch.ones(2)); sys.exit('torch._dynamo' in sys.modules)"
    )
    room = module.__file__.split("FiReworkRegistrationLib")[0]
    assert subprocess.run([sys.executable, "-c", code], cwd=room).returncode == 0
