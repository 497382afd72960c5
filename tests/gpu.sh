#!/bin/sh
# What can be tested on an NVIDIA GPU only: parity with the CPU, the memory limit, cancel, which provider took what, and
# TensorRT where its libraries are. Says what it skips and why, and ends with 0 unless a check fails.
#
#   tests/gpu.sh             ORT_DYLIB_PATH names an ONNX Runtime with CUDA (onnxruntime-gpu's library)
#
# WUERST_BUILT names the folder of the built command and library; without it target/release, which is built.
set -eu
cd "$(dirname "$0")/.."

skip() {
    echo "gpu: skipped $1: $2"
}
fail() {
    echo "gpu: $1" >&2
    exit 1
}

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L 2>/dev/null | grep -q GPU; then
    skip everything "nvidia-smi shows no GPU"
    exit
fi
if [ -z "${ORT_DYLIB_PATH:-}" ] || ! [ -e "$(dirname "$ORT_DYLIB_PATH")/libonnxruntime_providers_cuda.so" ]; then
    skip everything "ORT_DYLIB_PATH names no ONNX Runtime with libonnxruntime_providers_cuda.so beside it"
    exit
fi
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader

if [ -z "${WUERST_BUILT:-}" ]; then
    cargo build -q --locked --release -p wuerst-cli -p wuerst-capi
    WUERST_BUILT=${CARGO_TARGET_DIR:-target}/release
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A run of the shipped graph on a device, as `on NAME DEVICE [MODELS]`; its picture and what it printed are kept.
on() {
    "$WUERST_BUILT/wuerst" run graphs/text-to-image.yaml --models "${3:-models/icons}" --strict --devices "$2" \
        --set prompt="a red apple, twemoji style" --set seed=7 -o pixels="$work/$1.npy" --explain >"$work/$1.txt" 2>&1
}

# Whether two pictures are alike to so many decibels; .npy of f32, whose header ends with a line.
alike() {
    python3 - "$work/$1.npy" "$work/$2.npy" "$3" <<'END'
import array, math, sys

def read(path):
    data = open(path, "rb").read()
    start = data.index(b"\n") + 1
    return array.array("f", data[start:])

a, b = read(sys.argv[1]), read(sys.argv[2])
assert len(a) == len(b) and all(map(math.isfinite, b))
error = sum((x - y) ** 2 for x, y in zip(a, b)) / len(a)
decibels = 200.0 if error == 0 else -10 * math.log10(error)
print(f"gpu: {sys.argv[2].rsplit('/', 1)[1]}: {decibels:.1f} dB against the CPU, {sys.argv[3]} are wanted")
sys.exit(decibels < float(sys.argv[3]))
END
}

on cpu cpu || fail "the CPU: $(cat "$work/cpu.txt")"

# Parity, and who took what.
if on f32 'cuda:0{precision=f32}'; then
    alike cpu f32 50 || fail "CUDA in f32 makes another picture"
    grep -E '\.onnx: ' "$work/f32.txt"
    grep -q 'prior.onnx: cuda:0{precision=f32}, [0-9]* operator' "$work/f32.txt" || fail "most of the prior is not on CUDA"
else
    fail "CUDA refuses: $(tail -n 1 "$work/f32.txt")"
fi
on tf32 cuda:0 || fail "CUDA with its defaults: $(tail -n 1 "$work/tf32.txt")"
alike cpu tf32 30 || fail "CUDA with its defaults makes another picture"

# f16: the shipped models are f32 outside and f16 only where they are stored, so an f16 bundle must be named.
if [ -n "${WUERST_F16_MODELS:-}" ] && [ -n "${WUERST_F32_MODELS:-}" ]; then
    on wide cpu "$WUERST_F32_MODELS" && on half cuda:0 "$WUERST_F16_MODELS" || fail "the f16 models do not run"
    alike wide half 30 || fail "CUDA in f16 makes another picture"
else
    skip "CUDA in f16" "WUERST_F16_MODELS and WUERST_F32_MODELS name no models of both precisions"
fi

# The limit: enough is enough, and too little is an error that says so rather than a crash.
on limited 'cuda:0{memory_limit=1GiB}' || fail "1 GiB is not enough: $(tail -n 1 "$work/limited.txt")"
alike tf32 limited 50 || fail "a memory limit changes the picture"
if on starved 'cuda:0{memory_limit=1MiB}'; then
    fail "a limit of 1 MiB is not kept"
fi
grep -qi 'memory' "$work/starved.txt" || fail "too little memory: $(tail -n 1 "$work/starved.txt")"

# Cancel in the middle of many steps; the next run goes well.
if [ -e "$WUERST_BUILT/libwuerst.so" ]; then
    WUERST_LIBRARY=$(cd "$WUERST_BUILT" && pwd)/libwuerst.so PYTHONPATH=crates/capi/python python3 - <<'END' || fail "cancel"
import time
import wuerst

engine = wuerst.Engine(models="models/icons", devices="cuda:0", strict=1)
graph = engine.open("graphs/text-to-image.yaml")
job = graph.job(prompt="a red apple")
job.set_text("steps", "1000")
run = job.start("image")
while run.poll().state == "running" and run.poll().fraction < 0.02:
    time.sleep(0.001)
begun = time.monotonic()
run.cancel()
assert run.wait(60), "it goes on"
print(f"gpu: {run.poll().state} {(time.monotonic() - begun) * 1e3:.0f} ms after it was cancelled")
assert run.poll().state == "stopped"
graph.job(prompt="a red apple").get("image")
END
else
    skip cancel "no libwuerst.so in $WUERST_BUILT"
fi

# TensorRT, twice: the second time from its cache.
if [ -e "$(dirname "$ORT_DYLIB_PATH")/libonnxruntime_providers_tensorrt.so" ]; then
    for precision in f32 f16; do
        device="tensorrt:0{precision=$precision,cache=$work/engines}"
        if ! on "trt-$precision" "$device"; then
            skip "TensorRT in $precision" "$(tail -n 1 "$work/trt-$precision.txt")"
            continue
        fi
        on "trt-$precision" "$device" || fail "TensorRT from its cache: $(tail -n 1 "$work/trt-$precision.txt")"
        alike cpu "trt-$precision" 30 || fail "TensorRT in $precision makes another picture"
        grep -E '\.onnx: ' "$work/trt-$precision.txt"
    done
    find "$work/engines" -name '*.engine' 2>/dev/null | sed 's/^.*engines/gpu: engine /'
else
    skip TensorRT "no libonnxruntime_providers_tensorrt.so beside ONNX Runtime"
fi
echo "gpu: passed"
