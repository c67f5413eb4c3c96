"""greedy (Yushkevich), weighted NCC. Run in the peers' environment: ``greedy.py FIXED MOVING FIELD THREADS``."""

import sys

from picsl_greedy import Greedy3D

fixed, moving, field, threads = sys.argv[1:]
Greedy3D().execute(
    f"-i {fixed} {moving} -o {field} -m WNCC 2x2x2 -n 100x100x40 -s 1.5mm 0.5mm -threads {threads}"
)  # fmt: skip
