"""ComfyUI's folders, under the one that COMFYUI_HOME names."""

import os

_home = os.environ["COMFYUI_HOME"]
models_dir = os.path.join(_home, "models")
_folders = {}


def add_model_folder_path(folder_name, full_folder_path, is_default=False):
    _folders.setdefault(folder_name, []).append(full_folder_path)


def get_folder_paths(folder_name):
    return list(_folders[folder_name])


def get_user_directory():
    return os.path.join(_home, "user")


def get_temp_directory():
    return os.path.join(_home, "temp")
