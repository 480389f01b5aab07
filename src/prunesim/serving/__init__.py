"""Jobs without the seconds in which Python imports its libraries: one process has them, and forks a child a job.

`start` begins it beside a run of Snakemake, `client` stands in ``python -m prunesim`` and hands a job over, and
`server` forks. Whatever is out of the ordinary runs as if there were none of it.
"""
