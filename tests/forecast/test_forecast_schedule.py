"""The simulation of the pipeline, on jobs whose time can be worked out by hand."""

import pytest

from prunesim.forecast.jobs import Job
from prunesim.forecast.schedule import remaining, simulate


def job(name, seconds, needs=(), cores=1, gpus=0):
    return Job("rule", name, list(needs), seconds, cores=cores, gpus=gpus)


CHAIN = [job("a", 3), job("b", 4, ["a"]), job("c", 5, ["b", "a", "a"])]
SIX = [job(str(i), 2) for i in range(6)]


@pytest.mark.parametrize(
    ("jobs", "cores", "gpus", "seconds"),
    [
        ([], 1, 0, 0),
        (CHAIN, 1, 0, 12),
        (CHAIN, 8, 0, 12),
        (SIX, 1, 0, 12),
        (SIX, 2, 0, 6),
        (SIX, 4, 0, 4),
        (SIX, 6, 0, 2),
        # The long one goes first.
        ([*SIX, job("long", 10)], 2, 0, 12),
        # Two cores a job, and a job that asks for more cores than there are.
        ([job(str(i), 2, cores=2) for i in range(4)], 4, 0, 4),
        ([job("x", 2, cores=16), job("y", 2, cores=16)], 4, 0, 4),
        # One GPU is one training at a time, while the rest goes on beside it.
        ([job("g1", 3, gpus=1), job("g2", 3, gpus=1), job("c1", 4), job("c2", 2)], 4, 1, 6),
        ([job("g1", 3, gpus=1), job("g2", 3, gpus=1), job("c1", 4), job("c2", 2)], 4, 2, 4),
        # Two chains on one core wait for each other.
        ([*CHAIN, job("x", 3), job("y", 4, ["x"])], 1, 0, 19),
        ([*CHAIN, job("x", 3), job("y", 4, ["x"])], 2, 0, 12),
    ],
)
def test_time(jobs, cores, gpus, seconds):
    assert simulate(jobs, cores, gpus) == seconds


def test_the_way_to_the_end():
    jobs = [*CHAIN, job("d", 1, ["a"])]
    assert remaining(jobs) == {"a": 12, "b": 9, "c": 5, "d": 1}
