"""Runs: progress and previews in the node, the interrupt button, errors and warnings."""

import logging

import comfy.model_management
import comfy.utils
import wuerst

from . import engines, pictures, widgets

_log = logging.getLogger("wuerst")
# Parts of a run that the progress bar shows.
PARTS = 1000
# How often the interrupt button is looked at, in seconds.
SLICE = 0.05
PREVIEW_SIDE = 512


def _watched(running, bar, done, of):
    """Waits for a run; shows how far it is. Run `done` of `of`."""
    while not running.wait(SLICE):
        status, preview = running.poll(), running.preview()
        shown = ("JPEG", pictures.picture(preview), PREVIEW_SIDE) if preview is not None else None
        # It may raise the interrupt.
        bar.update_absolute(int((done + status.fraction) / of * PARTS), PARTS, shown)
        if comfy.model_management.processing_interrupted():
            running.cancel()
            comfy.model_management.throw_exception_if_processing_interrupted()
    for node, message in running.warnings():
        _log.warning("%s: %s", node, message)
    values = running.results()
    outcomes = [node["did"] for node in running.job.report()["nodes"]]
    _log.info("%d of %d nodes ran", outcomes.count("ran"), len(outcomes))
    return values


def one(job, outputs, bar, done=0, of=1):
    """The values of outputs from one run, as ComfyUI has them."""
    try:
        running = job.start(*outputs)
        try:
            values = _watched(running, bar, done, of)
        except BaseException:
            running.cancel()
            raise
        finally:
            running.close()
    except wuerst.Error as error:
        # The interrupt has its own exception, which ComfyUI does not show as an error.
        if error.code == wuerst.CANCELLED:
            raise comfy.model_management.InterruptProcessingException() from None
        raise RuntimeError(str(error)) from None
    return [pictures.from_engine(value) for value in values]


def batch(graph, ports, outputs, values):
    """The values of outputs for inputs that may hold batches: a run for each picture, the results joined.

    `ports` are pairs of a port and the function that makes a value of ComfyUI one of the engine; `values` are by name.
    """
    given = {port.name: values.get(port.name) for port, _ in ports if widgets.is_given(port, values.get(port.name))}
    counts = {name: pictures.batch_of(value) for name, value in given.items()}
    several = {name: count for name, count in counts.items() if count > 1}
    if len(set(several.values())) > 1:
        sizes = ", ".join(f"{name} has {count}" for name, count in several.items())
        raise RuntimeError(f"batches of different sizes: {sizes}")
    count = max(counts.values(), default=1)
    bar, results = comfy.utils.ProgressBar(PARTS), []
    for index in range(count):
        job = graph.job()
        try:
            for port, convert in ports:
                if port.name in given:
                    job[port.name] = convert(pictures.one_of(given[port.name], index))
        except wuerst.Error as error:
            raise RuntimeError(str(error)) from None
        results.append(one(job, outputs, bar, index, count))
    bar.update_absolute(PARTS, PARTS)
    return [pictures.joined(list(values)) for values in zip(*results)]


def opened(path, models):
    """The graph of a file; problems become one message with their places."""
    try:
        return engines.engine(models).open(path)
    except wuerst.Error as error:
        raise RuntimeError(str(error)) from None
