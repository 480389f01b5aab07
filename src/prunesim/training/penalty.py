"""What a training may add to its loss, as the loop knows it: nothing, unless a penalty says otherwise."""


class Penalty:
    """No penalty, and what every other one answers to.

    Attributes
    ----------
    state : dict of str to list of torch.Tensor
        What a resumed training needs, besides network and optimizer; changed in place only.
    """

    def __init__(self):
        self.state = {}

    def add_gradients(self):
        """Add the gradient of the penalty to that of the loss, after the backward pass and before clipping."""

    def after_step(self, parameters, state, rate, settings):
        """Change weights after a step of the optimizer; parameters are those of `prunesim.training.optimizer.step`."""

    def after_epoch(self, epoch):
        """Return what the history says of the penalty after an epoch, counted from 1."""
        return {}
