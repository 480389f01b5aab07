"""Threads: BLAS uses those it was given; many small decompositions are spread over as many."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor


def blas_threads():
    """Return the number of threads that BLAS was given: the usual variables, or else all cores of the process."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(function, items):
    """Return ``[function(item) for item in items]``, computed in as many threads as BLAS was given, each with one.

    BLAS threads do not help small decompositions, and slow them many times on a busy machine. They are held back by
    threadpoolctl; without it, or with one thread, the items are done one after the other.
    """
    items = list(items)
    threads = min(blas_threads(), len(items))
    limits = _one_blas_thread() if threads > 1 else None
    if limits is None:
        return [function(item) for item in items]
    with limits, ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def _one_blas_thread():
    with contextlib.suppress(ImportError):
        from threadpoolctl import threadpool_limits

        return threadpool_limits(1, user_api="blas")
    return None
