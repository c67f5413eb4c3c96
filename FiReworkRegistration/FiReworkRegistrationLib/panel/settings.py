"""What the parameter node says, as the runner takes it."""


def registrationSettings(parameters):
    """Keywords of ``Runner.register``, from the panel's parameter node."""
    from ..engine.presets import find_preset

    nodes = (
        "fixedMask", "movingMask", "initialTransform", "outputTransform", "outputVolume", "outputJacobian",
    )  # fmt: skip
    return {
        "fixedNode": parameters.fixedVolume,
        "movingNode": parameters.movingVolume,
        **{name: getattr(parameters, name) for name in nodes},
        "fixedSegment": parameters.fixedSegment or None,
        "movingSegment": parameters.movingSegment or None,
        "model": parameters.model or None,
        "device": parameters.device,
        "precision": parameters.precision,
        "normalization": parameters.normalization,
        "contrast": parameters.contrast,
        "spacing": float(parameters.resolution) if parameters.resolution else None,
        "affine": "auto" if parameters.align else "none",
        "iterations": parameters.iterations,
        "polish": find_preset(parameters.quality).polish,
        "stopEarly": parameters.stopEarly,
        "keepOnCancel": parameters.keepOnCancel,
    }
