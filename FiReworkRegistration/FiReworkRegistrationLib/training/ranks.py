"""Several processes that train one network: ``torchrun`` starts them, this averages what they find.

Stages are unrolled, so a step runs the network forwards many times and backwards once or more. Averaging the
gradients by hand before each update does what DistributedDataParallel does, without its rule of one forward a backward.
"""

import os

import torch
import torch.distributed as distributed


class Ranks:
    """The processes of a run; one of one where ``torchrun`` did not start it.

    :param device: what this process computes on.
    """

    def __init__(self, device):
        self._device = device
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.device(device).type == "cuda" else "gloo")

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def seed(self, *numbers: int) -> list[int]:
        """A seed that differs between the processes; of a single one it is ``numbers`` alone."""
        return [*numbers, self.rank] if self.count > 1 else list(numbers)

    def average_gradients(self, parameters) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        # One message instead of one a layer.
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def any(self, says: bool) -> bool:
        """Whether one process at least says so; all hear the same."""
        if self.count == 1:
            return says
        answer = torch.tensor(float(says), device=self._device)
        distributed.all_reduce(answer, distributed.ReduceOp.MAX)
        return bool(answer)

    def wait(self) -> None:
        """Until every process has come here."""
        if self.count > 1:
            distributed.barrier()


def local_device(device: str) -> str:
    """ "auto" and "cuda" of a process that ``torchrun`` started: the GPU of its own."""
    rank = os.environ.get("LOCAL_RANK")
    if rank is not None and device in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(rank) % torch.cuda.device_count()}"
    return device
