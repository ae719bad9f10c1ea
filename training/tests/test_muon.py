import torch

from stylize_train.muon import orthogonal
from stylize_train.train import optimizers_of


def test_a_step_goes_equally_far_in_all_directions():
    # Singular values from 1 to 1/64.
    matrix = torch.linalg.qr(torch.randn(12, 7))[0] @ torch.diag(0.5 ** torch.arange(7.0))
    for given in (matrix, matrix.T):
        values = torch.linalg.svdvals(orthogonal(given))
        assert values.min() > 0.6 and values.max() < 1.25


def test_weak_directions_of_a_convolution_are_learned_as_fast_as_strong_ones():
    conv = torch.nn.Conv2d(2, 2, 1)
    torch.nn.init.zeros_(conv.weight)
    torch.nn.init.zeros_(conv.bias)
    wanted, strength = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1.0, 0.01])
    optimizers = optimizers_of(conv, 0.1)
    for _ in range(60):
        conv.zero_grad()
        weight = conv.weight[:, :, 0, 0]
        (((weight - wanted) ** 2 * strength).sum() + (conv.bias - 0.5).square().sum()).backward()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(conv.weight[:, :, 0, 0], wanted, atol=0.25, rtol=0)
    torch.testing.assert_close(conv.bias, torch.full((2,), 0.5), atol=0.1, rtol=0)
