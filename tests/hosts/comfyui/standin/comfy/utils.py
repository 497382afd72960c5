"""The progress bar, which tests read."""

seen = []


class ProgressBar:
    def __init__(self, total, node_id=None):
        self.total = total

    def update_absolute(self, value, total=None, preview=None):
        from . import model_management

        seen.append((value, total or self.total, preview))
        model_management.throw_exception_if_processing_interrupted()
