# What jobs ask a cluster for; docs/cluster.md says how it was chosen. On one machine it changes nothing.

# Only a config that insists on a GPU asks for one.
GPUS = int(config["training"]["device"].startswith("cuda"))


# The jobs of a group run one after the other. A profile says so by `resources: {group_slot: 1}`, without which
# Snakemake would add up what those ask for that could run side by side.
resource_scopes:
    group_slot="local",


def doubling(amount):
    """An amount that doubles with every attempt, for jobs that were ended because they had too little."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)
