"""Threads and memory: BLAS uses those it was given; many small decompositions are spread over as many."""

import contextlib
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

NAME = "prunesim"


def blas_threads():
    """Return the number of threads that BLAS was given: the usual variables, or else all cores of the process."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def physical_memory():
    """Return the bytes of memory of the machine, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def spread(function, items):
    """Return ``[function(item) for item in items]``, computed as by `stream`."""
    return list(stream(function, items))


def stream(function, items):
    """Yield ``function(item)`` for each item in order, computed in as many threads as BLAS was given, each with one.

    Many products and small decompositions are faster side by side than one after the other with all threads, whose
    waiting for each other costs most on a busy machine. BLAS is held back by threadpoolctl; without it, with one
    thread, or in a thread of another call, the items are done in turn. Results wait for those before them, a few at
    most.
    """
    items = list(items)
    threads = 1 if threading.current_thread().name.startswith(NAME) else min(blas_threads(), len(items))
    limits = _one_blas_thread() if threads > 1 else None
    if limits is None:
        yield from map(function, items)
        return
    with limits, ThreadPoolExecutor(threads, NAME) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _one_blas_thread():
    with contextlib.suppress(ImportError):
        from threadpoolctl import threadpool_limits

        return threadpool_limits(1, user_api="blas")
    return None
