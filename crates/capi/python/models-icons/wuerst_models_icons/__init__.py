"""The small model that draws icons. `path` is the folder of its stages, for `wuerst.Engine(models=path)`."""

import os

__all__ = ["path"]

path: str = os.path.join(os.path.dirname(os.path.abspath(__file__)), "icons")
