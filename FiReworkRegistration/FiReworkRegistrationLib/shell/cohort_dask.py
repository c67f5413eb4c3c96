"""A cohort on Dask workers: the pairs, folders and rules of ``cohort.py``, one task a pair."""

from contextlib import ExitStack

from ..engine.errors import RegistrationError
from .cohort import folder_names, register_cohort

LOCAL = "local"


def register_on_dask(pairs, names, folder, register, where: str, report=print, folders=None) -> list[dict]:
    """As ``register_cohort``, on the workers of a Dask cluster. They see the same files and have this package.

    :param register: can be pickled.
    :param where: address of a scheduler, as tcp://host:8786, or "local" or "local:N": N workers of one thread each on
        this machine, as many as this process may use cores where no N is given.
    :raises RegistrationError: no Dask, no cluster there.
    """
    distributed = _distributed()
    with ExitStack() as open_things:
        client = _client(distributed, where, open_things)
        # Not pure: a second run of the same call is another one, and what failed is tried again.
        futures = {
            client.submit(_register_one, files, name, own, str(folder), register, pure=False): number
            for number, (files, name, own) in enumerate(zip(pairs, names, folders or folder_names(names), strict=True))
        }
        rows = {}
        try:
            for future in distributed.as_completed(futures):
                row = rows[futures[future]] = _outcome(future, names[futures[future]])
                report(f"{len(rows)} of {len(names)}: {row['pair']} {row['state']} {row['message']}".rstrip())
        finally:
            client.cancel(list(futures))
    return [rows[number] for number in sorted(rows)]


def _register_one(files, name, own, folder, register) -> dict:
    return register_cohort([files], [name], folder, register, report=lambda line: None, folders=[own])[0]


def _outcome(future, name: str) -> dict:
    try:
        return future.result()
    except Exception as error:
        # The task itself catches what a pair does wrong; here a worker died, or lacks the package.
        return {"pair": name, "state": "failed", "message": f"its worker failed ({error})"}


def _client(distributed, where: str, open_things: ExitStack):
    from dask.system import CPU_COUNT

    kind, _, count = where.partition(":")
    try:
        if kind != LOCAL:
            return open_things.enter_context(distributed.Client(where))
        # Of the cores that this process may use: a cluster's job has few of its node's.
        workers = int(count) if count else CPU_COUNT
        # Pairs share nothing, so that workers of one thread each have the highest throughput. No limit of memory: Dask
        # would kill a worker at a large volume, where the machine as a whole has enough.
        cluster = distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=0, dashboard_address=None
        )
        return open_things.enter_context(distributed.Client(open_things.enter_context(cluster)))
    except (OSError, ValueError) as error:
        raise RegistrationError(
            f"--dask is the address of a scheduler, such as tcp://host:8786, or local or local:N, got '{where}' "
            f"({error})."
        ) from error


def _distributed():
    try:
        import distributed
    except ImportError as error:
        raise RegistrationError(
            "--dask needs the packages dask and distributed; pip install 'firework-registration[dask]' (from a clone: "
            "'.[dask]'), or use --shard."
        ) from error
    return distributed
