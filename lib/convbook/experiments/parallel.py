"""Several claims at once, in as many processes as there are cores, with one listener for what happens."""

import multiprocessing
import os
import queue
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from convbook import experiments

POLL_SECONDS = 0.2


def run_claims(requests, report, jobs=1):
    """Measure or verify claims. One that fails is reported, and the others go on.

    Claims of one module share trainings, so they stay in one process and keep their order.

    Args:
        requests: list of dicts with claim, kind, backbone, seeds, folder, fresh and verify, see `run_experiment`.
        report: function of (event, name, what): "seeds" with how many seeds of a result are to be measured, "seed" when
            one is done, "note" with a sentence, "done" with whether all went well.
        jobs: number of processes; with 1, or where all claims are of one module, everything runs in this one.

    Raises:
        ValueError: if a process died; the message says how to go on.
    """
    groups = {}
    for request in requests:
        groups.setdefault(experiments.load_experiments()[request["claim"]].measure.__module__, []).append(request)
    jobs = min(jobs, len(groups))
    if jobs == 1:
        _run_group(requests, report)
        return
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with context.Manager() as manager:
        events = manager.Queue()
        threads = max(1, (os.cpu_count() or 1) // jobs)
        with ProcessPoolExecutor(jobs, context, initializer=_use_threads, initargs=(threads,)) as pool:
            running = {pool.submit(_run_group_there, group, events) for group in groups.values()}
            try:
                while running or not events.empty():
                    _pass_on(events, report)
                    done = {future for future in running if future.done()}
                    running -= done
                    for future in done:
                        future.result()  # raises what went wrong there
            except BrokenProcessPool as error:
                remedy = "as it does for lack of memory: go on with --jobs 1. Finished seeds are kept"
                raise ValueError(f"A process that measures ended without an error message, {remedy}.") from error
            finally:
                pool.shutdown(cancel_futures=True)


def _pass_on(events, report):
    try:
        event = events.get(timeout=POLL_SECONDS)
    except queue.Empty:
        return
    report(*event)


def _use_threads(count):
    """Leave the other cores to the other processes; TensorFlow reads these when it is imported."""
    for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(count)


def _run_group_there(requests, events):
    _run_group(requests, lambda *event: events.put(event))


def _run_group(requests, report):
    for request in requests:
        _run_claim(report, **request)


def _run_claim(report, claim, kind, backbone, seeds, folder, fresh, verify):
    experiment = experiments.load_experiments()[claim]
    name = experiment.result_name(kind, backbone)

    def note(sentence):
        report("note", name, sentence)

    def track(missing):
        report("seeds", name, len(missing))
        for seed in missing:
            yield seed
            report("seed", name, seed)

    try:
        if verify:
            experiments.verify_experiment(experiment, kind, folder, note, backbone)
            succeeded = True
        else:
            result = experiments.run_experiment(experiment, kind, range(seeds), folder, fresh, track, note, backbone)
            succeeded = not any("error" in entry for entry in result["seeds"])
    except Exception as error:  # whatever befalls one claim, the others go on
        is_sentence = isinstance(error, ValueError | OSError)
        note(str(error) if is_sentence else f"{name}: {type(error).__name__}: {error}")
        succeeded = False
    report("done", name, succeeded)
