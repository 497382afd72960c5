"""OpenVINO's own runtime as a process that waits for work: what `wuerst bench --against openvino` measures beside ours.

    python openvino_peer.py MODELS THREADS f32|bf16

Reads requests, a line of JSON each, and answers each with one: the milliseconds of the evaluation. A request:
{"network": "prior"|"decoder"|"vqgan", "inputs": {NAME: FILE}, "output": FILE}. The models are the same ONNX files.
"""

import json
import pathlib
import sys
import time

import numpy as np
import openvino


def main():
    models, threads, precision = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    core, compiled = openvino.Core(), {}
    properties = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
    answer = lambda line: print(json.dumps(line), flush=True)
    answer({"ready": f"OpenVINO {openvino.__version__.split('-')[0]}, {precision}, {threads} threads"})
    for line in sys.stdin:
        request = json.loads(line)
        name = {"vqgan": "vqgan-decoder"}.get(request["network"], request["network"])
        if name not in compiled:
            compiled[name] = core.compile_model(
                core.read_model(models / f"{name}.onnx"), "CPU", properties
            ).create_infer_request()
        infer = compiled[name]
        taken = {port.get_any_name() for port in infer.model_inputs}
        feeds = {name: np.load(file) for name, file in request["inputs"].items() if name in taken}
        begun = time.perf_counter()
        infer.infer(feeds, share_inputs=True)
        spent = (time.perf_counter() - begun) * 1e3
        np.save(request["output"], np.asarray(infer.get_output_tensor(0).data, dtype=np.float32))
        answer({"milliseconds": spent})


if __name__ == "__main__":
    main()
