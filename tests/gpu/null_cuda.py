"""Null CUDA's counters and settings, in the process of the engine that uses it."""

import ctypes

FIELDS = (
    "kernels products convolutions uploads uploaded downloads downloaded moves waits allocations in_use most captures"
    " replays captured_uploads busy_ns idle_ns"
).split()


class Counts(ctypes.Structure):
    """struct null_cuda_counts; `counts - earlier` is what came in between."""

    _fields_ = [(name, ctypes.c_uint64) for name in FIELDS]

    def __sub__(self, earlier):
        return Counts(*(getattr(self, name) - getattr(earlier, name) for name in FIELDS))

    def launches(self):
        """Kernels, products and convolutions, which the host starts one by one."""
        return self.kernels + self.products + self.convolutions

    def __str__(self):
        return f"{self.kernels} kernels, {self.products} products, {self.convolutions} convolutions, {self.uploads} uploads"


# Of each device at first.
DEVICE_MEMORY = 24 << 30

_library = ctypes.CDLL("libcudart.so.13")


def counts(device=0):
    read = Counts()
    _library.null_cuda_read(device, ctypes.byref(read))
    return read


def reset():
    _library.null_cuda_reset()


def kernel_time(seconds):
    """Each kernel takes so long from now on."""
    _library.null_cuda_kernel_time(ctypes.c_uint64(round(seconds * 1e9)))


def memory(size):
    """Each device has so many bytes from now on."""
    _library.null_cuda_memory(ctypes.c_uint64(size))
