"""Models, graphs and engines: where they lie, and one engine for each folder of models."""

import logging
import os
import pathlib
import threading

import folder_paths
import wuerst

_log = logging.getLogger("wuerst")
_engines = {}
_lock = threading.Lock()


def version():
    """The version of the library."""
    return wuerst.version()


def register_folder():
    """Makes `models/wuerst` a folder of models; `extra_model_paths.yaml` adds others under this name."""
    folder_paths.add_model_folder_path("wuerst", os.path.join(folder_paths.models_dir, "wuerst"))


def graph_folders():
    """The folders of graphs: those that ship, and the user's, each with the prefix of its nodes' ids."""
    user = pathlib.Path(folder_paths.get_user_directory(), "wuerst", "graphs")
    return [("wuerst_graph_", wuerst.graphs), ("wuerst_user_", user)]


def _has_models(folder):
    return any(path.suffix == ".onnx" for path in folder.iterdir() if path.is_file())


def model_sets():
    """The folders of stage models, by name: subfolders of `models/wuerst`, then installed packages."""
    sets = {}
    for place in folder_paths.get_folder_paths("wuerst"):
        root = pathlib.Path(place)
        if not root.is_dir():
            continue
        folders = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
        for folder in folders:
            if _has_models(folder):
                sets.setdefault(folder.name, str(folder))
    for name, folder in wuerst.installed_models().items():
        sets.setdefault(name, folder)
    return sets


def model_files():
    """The stage models, by `SET/NAME`: their paths."""
    files = {}
    for name, folder in model_sets().items():
        for path in sorted(pathlib.Path(folder).glob("*.onnx")):
            files[f"{name}/{path.stem}"] = str(path)
    return files


def without_models():
    """An engine without models, for graphs that fit no set."""
    with _lock:
        if None not in _engines:
            # This folder exists and holds no models.
            _engines[None] = wuerst.Engine(models=str(wuerst.graphs), log=_logged)
        return _engines[None]


def engine(name=""):
    """The engine for a set of models; without a name, for the first set. Loads no model."""
    sets = model_sets()
    name = name or next(iter(sets), "")
    if name and name not in sets:
        raise RuntimeError(f"there is no set of models {name!r}: models/wuerst has {', '.join(sets) or 'none'}")
    folder = sets.get(name, "")
    with _lock:
        if folder not in _engines:
            settings = os.environ.get("WUERST_CONFIG", "")
            _engines[folder] = wuerst.Engine(models=folder, settings=settings, log=_logged)
        return _engines[folder]


def _logged(level, message):
    _log.log({1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}.get(level, logging.DEBUG), "%s", message)


def release():
    """Unloads the models and forgets the results that are not in use."""
    with _lock:
        for each in _engines.values():
            each.release()


def stamp(*paths):
    """Names, sizes and times of files, which change when a file changes."""
    stamps = []
    for path in paths:
        try:
            found = os.stat(path)
            stamps.append((str(path), found.st_size, found.st_mtime_ns))
        except OSError:
            stamps.append((str(path), None, None))
    return stamps


def stamp_of_set(name):
    """The stamp of all files of a set of models."""
    folder = model_sets().get(name)
    return stamp(*sorted(pathlib.Path(folder).glob("*"))) if folder else []
