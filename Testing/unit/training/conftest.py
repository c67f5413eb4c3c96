import pytest


@pytest.fixture
def tiny_config():
    from FiReworkRegistrationLib.training.config import TrainingConfig

    return TrainingConfig(
        network_settings={"encoder": (4, 4), "decoder": (4, 4), "final": (4,)}, spacing=4.0, shape=(16, 16, 16),
        whole_head_shape=(16, 16, 16), ncc_window=5, learning_rate=1e-3, steps=6, stages=4, random_stages=True,
        pose_jitter=1.0, affine_jitter=1.0, flip=0.5, gamma=0.2, bias=0.2, whole_head=0.5, label_weight=1.0,
        labels_a_step=2, checkpoint_every=3, evaluate_every=3, evaluate_pairs=2, evaluate_iterations=(1, 2),
    )  # fmt: skip
