"""The ways to choose a mask, by name: plain data, so that a config is read without NumPy."""

# Criteria that rank the weights before training, and those among them that need gradients (`sensitivity.py`).
AT_START = ("initial_magnitude", "snip", "grasp", "synflow")
BY_GRADIENT = ("snip", "grasp", "synflow")
# As published: SNIP ranks by one batch of 100 images, GraSP by ten of each class; SynFlow prunes in 100 iterations.
SNIP_IMAGES, GRASP_IMAGES, SYNFLOW_ITERATIONS = 100, 10, 100
# Controls of the dense training itself, which need no other method.
ALONE = ("data_order",)
