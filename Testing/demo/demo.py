"""The demo: two real brains registered inside a MRML scene, every result in a folder.

Testing/run.py calls this inside .venv.
"""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "Resources" / "SampleData"
FIXED, MOVING = "ICBM152_T1_2mm", "Colin27_T1_2mm"
FILES = {
    "transform.h5": "the transform node: the whole map, fixed to moving",
    "inverse.h5": "its inverse, moving to fixed",
    "warped.nrrd": "the moving volume on the fixed volume's grid",
    "jacobian.nrrd": "the Jacobian determinant of the map",
    "scene.mrb": "the whole scene; drag it into 3D Slicer",
    "report.png": "the picture: before, after, differences, Jacobian",
}


def main(arguments=None) -> int:
    began = time.perf_counter()
    options = parse(arguments)
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    # What an earlier demo left must not pass for this one's result.
    for name in [*FILES, "scene.mrml"]:
        (output / name).unlink(missing_ok=True)

    sys.path.insert(0, str(ROOT / "FiReworkRegistration"))
    say("Loading PyTorch, SimpleITK and MRML")
    from FiReworkRegistrationLib.engine.errors import RegistrationError

    try:
        return run(options, output, began)
    except RegistrationError as error:
        print(f"\nThe registration failed: {error}", file=sys.stderr)
        return 1


def run(options, output: Path, began: float) -> int:
    import report
    import scene as scenes
    from FiReworkRegistrationLib.mrml.registering import registerNodes
    from progress import ProgressLine, iteration_table, peak_memory_gb

    scene = scenes.new_scene()
    say(f"Fixed:  {SAMPLES / FIXED}.nii.gz (template, average of 152 brains)")
    fixed = scenes.load_volume(scene, SAMPLES / f"{FIXED}.nii.gz", FIXED)
    say(f"Moving: {SAMPLES / MOVING}.nii.gz (one person)")
    moving = scenes.load_volume(scene, SAMPLES / f"{MOVING}.nii.gz", MOVING)

    started = time.perf_counter()
    with ProgressLine() as progress:
        outputs = registerNodes(
            fixed, moving, model=options.model, iterations=options.iterations, device=options.device,
            wantInverse=True, progress=progress,
        )  # fmt: skip
    seconds = time.perf_counter() - started
    registration = outputs.registration
    title = f"model {registration.card.name}, {registration.spacing:g} mm grid, on {registration.device}"
    say(f"Registered in {seconds:.1f} s: {title}")
    print()
    print(iteration_table(outputs.figures))
    print()

    say(f"Writing {output}")
    scenes.save_node(outputs.transform, output / "transform.h5")
    scenes.save_node(outputs.inverse, output / "inverse.h5")
    scenes.save_node(outputs.volume, output / "warped.nrrd")
    scenes.save_node(outputs.jacobian, output / "jacobian.nrrd")
    saved = scenes.save_scene(scene, output / "scene.mrb")
    say("Drawing the report")
    report.draw(report.gather(outputs), output / "report.png", f"{MOVING} to {FIXED}: {title}, {seconds:.1f} s")

    print()
    for name, meaning in FILES.items():
        path = output / name if name != "scene.mrb" else saved
        print(f"  {path}  {meaning}")
    memory = peak_memory_gb()
    print(
        f"\nWall time {time.perf_counter() - began:.1f} s"
        + (f", peak memory {memory:.2f} GB" if memory else "")
        + f". Open {output / 'report.png'}"
    )
    return 0


def parse(arguments=None):
    parser = argparse.ArgumentParser(prog="run.py demo", description="Register the bundled sample pair.")
    parser.add_argument("--iterations", type=int, default=8, metavar="K", help="refinements of the field (8)")
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output", help="folder of the results (demo-output)")
    parser.add_argument("--model", help="name of a model; the default model if not given")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
