"""The progress bar."""

import comfy.model_management


class ProgressBar:
    def __init__(self, total, node_id=None):
        self.total = total

    def update_absolute(self, value, total=None, preview=None):
        comfy.model_management.throw_exception_if_processing_interrupted()
