"""register: one pair of files."""

from ..engine.errors import RegistrationError
from .options import add_quality_options, engine_settings, polish_settings
from .progress import ProgressLine


def add_parser(commands) -> None:
    """Add it to the subparsers of the command line."""
    parser = commands.add_parser("register", help="register a moving to a fixed volume")
    parser.add_argument("--fixed", required=True, help="volume that stays where it is")
    parser.add_argument("--moving", required=True, help="volume that is registered to it")
    parser.add_argument("--fixed-mask", help="voxels > 0 are registered; on the fixed grid")
    parser.add_argument("--moving-mask", help="voxels > 0 are registered; on the moving grid")
    parser.add_argument("--initial-transform", help="linear ITK transform fixed to moving, where the alignment starts")
    parser.add_argument(
        "--transform-out", required=True,
        help=".h5: the whole map; .nrrd, .nii.gz, .mha: one displacement field (LPS mm, fixed to moving, fixed grid)",
    )  # fmt: skip
    parser.add_argument("--inverse-transform-out", help="the map moving to fixed, endings as above, moving grid")
    parser.add_argument("--warped-moving-out", help="moving volume on the fixed grid")
    parser.add_argument("--jacobian-out", help="Jacobian determinant of the whole map on the fixed grid")
    parser.add_argument("--figures-out", help="JSON file of the figures of every iteration and the verdict")
    add_quality_options(parser)
    parser.set_defaults(run=register)


def register(options) -> None:
    """One pair of files to a transform file and what else was asked for."""
    from ..engine.covering_inverse import covering_inverse
    from ..engine.files import check_output, check_volume_path, read_volume, write_volume
    from ..engine.geometry import Volume
    from ..engine.registration import Registration
    from ..engine.transform_files import TRANSFORM_ENDINGS, check_transform_path, read_linear, write_map
    from ..engine.verdict import verdict_on
    from ..engine.volume_warping import warp_volume
    from .figures_file import write_figures

    # Everything that can be wrong with the command is found before the work starts.
    for path in (options.transform_out, options.inverse_transform_out):
        if path:
            check_transform_path(path)
    for path in (options.warped_moving_out, options.jacobian_out):
        if path:
            check_volume_path(path)
    if options.figures_out:
        check_output(options.figures_out)
    _check_apart(options)
    if options.iterations is not None and options.iterations < 1:
        raise RegistrationError(f"Iterations (K) is {options.iterations}; choose 1 or more.")
    preset, levels, seconds = polish_settings(options)
    line = ProgressLine()
    registration = Registration(
        read_volume(options.fixed, "Fixed volume"),
        read_volume(options.moving, "Moving volume"),
        fixed_mask=options.fixed_mask and read_volume(options.fixed_mask, "Fixed mask"),
        moving_mask=options.moving_mask and read_volume(options.moving_mask, "Moving mask"),
        initial_transform=read_linear(options.initial_transform) if options.initial_transform else None,
        progress=line.show,
        **engine_settings(options),
    )
    count = options.iterations or preset.iterations
    line.done(f"model {registration.card.name} on {registration.device}, {registration.precision} convolutions")
    print(f"{'K':>3} {'local NCC':>10} {'NCC':>7} {'folded %':>9} {'change mm':>10} {'p95 mm':>7} {'s':>6}")
    _print_iteration(registration.iterations[0], registration.spacing)
    for iteration in registration.refine(count):
        _print_iteration(iteration, registration.spacing)
    if levels:
        _print_iteration(registration.polish(levels, seconds, line.show), registration.spacing)

    judged = verdict_on(registration)
    if (repair := registration.iterations[-1].repair) is not None:
        mm = registration.spacing
        print(
            f"repair of folds: {repair.folded_before:.4f} % folded before, {repair.folded_after:.4f} % after; moved "
            f"{repair.changed:.2f} % of voxels, by {repair.mean_change * mm:.2f} mm on average, "
            f"{repair.largest_change * mm:.2f} mm at most"
        )
    print(judged.text)
    dmap = registration.map()
    write_map(dmap, options.transform_out, registration.fixed.grid)
    print(f"transform: {options.transform_out}")
    if options.inverse_transform_out:
        inverse, residual = covering_inverse(dmap, registration.moving)
        if not options.inverse_transform_out.endswith(TRANSFORM_ENDINGS):
            # What is told is of what is written.
            inverse = inverse.resampled(registration.moving.grid)
            residual = dmap.residual_of(inverse)
        write_map(inverse, options.inverse_transform_out, registration.moving.grid)
        print(f"inverse:   {options.inverse_transform_out} (residual {residual:.3f} mm, 99th percentile)")
    if options.warped_moving_out:
        write_volume(warp_volume(registration.moving, dmap, registration.fixed), options.warped_moving_out)
        print(f"warped:    {options.warped_moving_out}")
    if options.jacobian_out:
        fixed = registration.fixed
        write_volume(Volume(dmap.jacobian(fixed.grid), fixed.affine), options.jacobian_out)
        print(f"Jacobian:  {options.jacobian_out}")
    if options.figures_out:
        write_figures(registration, judged.text, options.figures_out)


def _check_apart(options) -> None:
    """:raises RegistrationError: an output would replace another one, or an input."""
    from ..engine.files import is_same_file

    inputs = ("fixed", "moving", "fixed_mask", "moving_mask", "initial_transform")
    outputs = ("transform_out", "inverse_transform_out", "warped_moving_out", "jacobian_out", "figures_out")
    taken = {}
    for name in (*inputs, *outputs):
        value = getattr(options, name)
        if not value:
            continue
        other = next((known for known, path in taken.items() if is_same_file(path, value)), name)
        taken[name] = value
        if other != name and name in outputs:
            words = [f"--{each.replace('_', '-')}" for each in (other, name)]
            raise RegistrationError(
                f"{words[0]} and {words[1]} are both '{value}'; choose another file for the output."
            )


def _print_iteration(iteration, spacing: float) -> None:
    i = iteration
    index = f"{i.index}{'r' if i.repair else 'p'}" if i.polished else i.index
    quality = f"{index:>3} {i.local_ncc:>10.4f} {i.global_ncc:>7.4f} {i.percent_folded:>9.4f}"
    change = f"{i.mean_change * spacing:>10.3f} {i.p95_change * spacing:>7.2f} {i.seconds:>6.2f}"
    print(quality, change, flush=True)
