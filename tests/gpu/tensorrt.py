"""NVIDIA's parser and builder of TensorRT-RTX on stage models, which needs no GPU: whether each becomes an engine.

    python3 tests/gpu/tensorrt.py FOLDER...          models of `wuerst convert --for tensorrt`

Heights and widths stay free, within the ranges below; kernels are finished on a card, at their first use.
"""

import pathlib
import sys
import time

import tensorrt_rtx_bindings.tensorrt_rtx as tensorrt

# Compute capability 8.9: no card is there to ask.
ARCHITECTURE = tensorrt.ComputeCapability.SM89

# Würstchen has a compressor, and Stable Cascade an image encoder.
STAGES = {"text-encoder", "prior", "decoder", "vqgan-decoder", "vqgan-encoder"}
OPTIONAL = {"compressor", "image-encoder"}
# Least, usual and greatest extent of each free dimension.
TEXT = {"batch": (2, 2, 2), "length": (24, 24, 24), "images": (1, 1, 2)}
EMBEDDING = {"embedding_height": (2, 2, 4), "embedding_width": (2, 2, 4)}
# Height and width: of the prior's latents, the VQGAN's latents, and the picture.
SIDES = {"prior": (2, 4, 16), "decoder": (16, 16, 64), "vqgan-decoder": (16, 16, 64)}
PICTURE = (64, 64, 256)


class Logger(tensorrt.ILogger):
    """Keeps the errors, for a model that is refused."""

    def __init__(self):
        tensorrt.ILogger.__init__(self)
        self.errors = []

    def log(self, severity, message):
        if severity in (tensorrt.ILogger.ERROR, tensorrt.ILogger.INTERNAL_ERROR):
            self.errors.append(message)


def profile(builder, network, stage):
    """The ranges of the network's inputs, by the names of their dimensions."""
    side = SIDES.get(stage, PICTURE)
    ranges = {**TEXT, **EMBEDDING, "height": side, "width": side}
    made = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        fixed = [(length,) * 3 if length >= 0 else ranges[tensor.get_dimension_name(axis)]
                 for axis, length in enumerate(tensor.shape)]
        made.set_shape(tensor.name, *([length[which] for length in fixed] for which in range(3)))
    return made


def build(path):
    """Builds an engine. Returns its size and number of layers, or the reason why there is none."""
    logger = Logger()
    builder = tensorrt.Builder(logger)
    # Networks are strongly typed: each computes in the types of its file.
    network = builder.create_network(0)
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(path)):
        return None, "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(ARCHITECTURE, 0)
    config.add_optimization_profile(profile(builder, network, path.stem))
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        return None, "; ".join(logger.errors) or "no engine, and no reason"
    return memoryview(engine).nbytes, f"{network.num_layers} layers"


def main(folders):
    wrong = 0
    for folder in map(pathlib.Path, folders):
        models = sorted(folder.glob("*.onnx"))
        if {path.stem for path in models} - OPTIONAL != STAGES:
            print(f"tensorrt: WRONG: {folder} has {[path.stem for path in models]}, not {sorted(STAGES | OPTIONAL)}")
            wrong += 1
        for path in models:
            begun = time.monotonic()
            size, said = build(path)
            name = f"{folder.name} {path.stem}"
            if size is None:
                print(f"tensorrt: WRONG: {name} is refused: {said}", flush=True)
                wrong += 1
            elif size < path.stat().st_size // 4:
                print(f"tensorrt: WRONG: the engine of {name} has {size} bytes, too few for its weights", flush=True)
                wrong += 1
            else:
                print(f"tensorrt: {name}: {said}, {size / 1e6:.1f} MB, {time.monotonic() - begun:.1f} s", flush=True)
    return 1 if wrong or not folders else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
