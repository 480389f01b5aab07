"""The ways to choose a mask, by name: plain data, so that a config is read without NumPy."""

# Criteria that rank the weights before training, and those among them that need gradients (`sensitivity.py`).
AT_START = ("initial_magnitude", "snip", "grasp", "synflow")
BY_GRADIENT = ("snip", "grasp", "synflow")
# As published: SNIP ranks by one batch of 100 images, GraSP by ten of each class; SynFlow prunes in 100 iterations.
SNIP_IMAGES, GRASP_IMAGES, SYNFLOW_ITERATIONS = 100, 10, 100
# Criteria of whole filters alone, and how those of both are called in `filters.py`.
OF_FILTERS = ("l2", "bn_scale")
FILTER_NAMES = {"magnitude": "l1", "random": "random", "l2": "l2", "bn_scale": "bn_scale"}
# Controls that move single weights.
OF_WEIGHTS = ("shuffle", "random")
# Controls of the dense training itself, which need no other method.
ALONE = ("data_order",)
