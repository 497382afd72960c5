#!/bin/sh
# What only an NVIDIA GPU shows: numbers and speed. In two phases, since a machine with a card may have no registry, no cargo
# and little time.
#
#   tests/gpu.sh prepare [SM]    builds, keeps the code for one architecture (90) of ONNX Runtime's CUDA provider, packs all
#                                that a run needs into .gpu/pack.tar.xz, and has each part run on null CUDA
#   tests/gpu.sh run [OPTIONS]   on the machine with the card, which has CUDA 13, cuDNN 9 and Python: unpacks, and writes
#                                .gpu/results/PART.json after each part; options are those of tests/gpu/card.py
#
# WUERST_BUILT names the folder of the built command and library; without it target/release, which is built.
set -eu
cd "$(dirname "$0")/.."
gpu=.gpu pack=.gpu/pack.tar.xz

prepare() {
    sm=${1:-90}
    .ci/setup-null-cuda
    if [ -z "${WUERST_BUILT:-}" ]; then
        cargo build -q --locked --release -p wuerst-cli -p wuerst-capi -p wuerst-tests --bin wuerst --bin random-published --lib
        WUERST_BUILT=${CARGO_TARGET_DIR:-target}/release
    fi
    tree=$(mktemp -d) work=$(mktemp -d)
    trap 'rm -rf "$tree" "$work"' EXIT
    mkdir -p "$tree/built" "$tree/onnxruntime" "$tree/reference" "$gpu"
    for file in wuerst libwuerst.so random-published; do
        strip --strip-unneeded -o "$tree/built/$file" "$WUERST_BUILT/$file"
    done
    python3 tests/gpu/prune.py .vendor/onnxruntime-gpu/libonnxruntime_providers_cuda.so \
        "$tree/onnxruntime/libonnxruntime_providers_cuda.so" "$sm"
    cp .vendor/onnxruntime-gpu/libonnxruntime_providers_shared.so "$tree/onnxruntime"
    cp -L .vendor/onnxruntime-gpu/libonnxruntime.so "$tree/onnxruntime"
    # Tokenizers and schedulers, which random weights come with.
    for folder in wuerstchen-prior wuerstchen; do
        mkdir "$tree/reference/$folder"
        cp -r "tests/reference/$folder/tokenizer" "tests/reference/$folder/scheduler" \
            "tests/reference/$folder/model_index.json" "$tree/reference/$folder"
    done
    # All parts, of what will be packed, with the model that ships.
    for type in f32 f16; do
        "$tree/built/wuerst" convert models/icons --out "$work/$type" --for cuda --compute $type >/dev/null
    done
    LD_LIBRARY_PATH=$PWD/.vendor/null-cuda NULL_CUDA_SM=$sm ORT_DYLIB_PATH=$tree/onnxruntime/libonnxruntime.so \
        python3 tests/gpu/card.py "$tree/built" "$gpu/null" --null --models "$work/f32" "$work/f16" --pixels 64 --runs 2
    # Most of it is code of x86, whose calls pack better as absolute addresses.
    tar -C "$tree" -c . | xz --x86 --lzma2=preset=9e >"$work/pack"
    size=$(stat -c %s "$work/pack")
    [ "$size" -le 46000000 ] || { echo "gpu: the pack has $size bytes, too many to carry" >&2; exit 1; }
    mv "$work/pack" "$pack"
    echo "gpu: $pack, $size bytes"
}

run() {
    [ -e "$pack" ] || { echo "gpu: no $pack: tests/gpu.sh prepare makes it" >&2; exit 1; }
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    tar -C "$tree" -xJf "$pack"
    # CUDA's libraries as PyTorch brings them.
    libraries=$(python3 -c 'import glob, site
print(":".join(path for folder in site.getsitepackages() for path in glob.glob(folder + "/nvidia/*/lib")))')
    LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} WUERST_REFERENCE=$tree/reference \
        ORT_DYLIB_PATH=$tree/onnxruntime/libonnxruntime.so python3 tests/gpu/card.py "$tree/built" "$gpu/results" "$@"
}

case ${1:-} in
prepare | run) what=$1 && shift && "$what" "$@" ;;
*) echo "usage: tests/gpu.sh prepare [SM] | run [OPTIONS]" >&2; exit 2 ;;
esac
