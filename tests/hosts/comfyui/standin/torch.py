"""Tensors as far as the pack needs them, over NumPy: PyTorch is a download of gigabytes."""

import numpy

float32 = numpy.float32


class Tensor:
    def __init__(self, array):
        self.array = array

    @property
    def shape(self):
        return self.array.shape

    def dim(self):
        return self.array.ndim

    def detach(self):
        return self

    def to(self, device, dtype=None):
        return Tensor(self.array.astype(dtype or self.array.dtype))

    def numpy(self):
        return self.array

    def __getitem__(self, key):
        return Tensor(self.array[key])

    def __truediv__(self, number):
        return Tensor(self.array / numpy.float32(number))


def from_numpy(array):
    return Tensor(array)


def cat(tensors, dim=0):
    return Tensor(numpy.concatenate([each.array for each in tensors], dim))
