"""Würstchen in Krita: a docker that makes layers by graphs."""

from krita import DockWidgetFactory, DockWidgetFactoryBase, Krita

from .docker import Docker

_ID = "wuerst_docker"

# `kritarunner` has no windows to dock in.
if Krita.instance() is not None:
    Krita.instance().addDockWidgetFactory(DockWidgetFactory(_ID, DockWidgetFactoryBase.DockRight, Docker))
