"""Several claims at once, in as many processes as there are cores, with one listener for what happens."""

import multiprocessing
import os
import queue
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.managers import SyncManager

from convbook import experiments
from convbook.photos.cache import FULL

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
        ValueError: if a process died or the disk is full, which ends them all; the message says how to go on.
    """
    groups = {}
    for request in requests:
        groups.setdefault(experiments.load_experiments()[request["claim"]].measure.__module__, []).append(request)
    jobs = min(jobs, len(groups))
    if jobs <= 1:
        _run_group(requests, report)
        return
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    manager, threads = SyncManager(ctx=context), max(1, (os.cpu_count() or 1) // jobs)
    manager.start(_end_with_the_parent)
    with manager:
        events = manager.Queue()
        with ProcessPoolExecutor(jobs, context, initializer=_prepare_process, initargs=(threads,)) as pool:
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
            except BaseException:  # also Ctrl-C: nobody waits hours for the seeds that still run
                for process in multiprocessing.active_children():
                    process.terminate()
                raise


def _pass_on(events, report):
    try:
        event = events.get(timeout=POLL_SECONDS)
    except queue.Empty:
        return
    report(*event)


def _prepare_process(threads):
    """Leave the other cores to the other processes, and Ctrl-C to the one that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_the_parent()
    # TensorFlow reads these when it is imported.
    for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)


def _end_with_the_parent():
    """End this process when the one that started it is killed: else it would measure on, beside the next run."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
    except Exception as error:  # whatever befalls one claim, the others go on, unless none could be written
        if getattr(error, "errno", None) in FULL:
            raise ValueError(
                f"The disk is full ({error}): make room. Finished seeds are kept, and the same command goes on from "
                f"there."
            ) from error
        is_sentence = isinstance(error, ValueError | OSError)
        note(str(error) if is_sentence else f"{name}: {type(error).__name__}: {error}")
        succeeded = False
    report("done", name, succeeded)
