#!/bin/sh
# Puts what the CUDA provider of ONNX Runtime needs into a folder: FOLDER/provider goes beside onnxruntime-node's own
# library, FOLDER/libraries on the search path. Needs Python with pip. libcuda.so.1 is not among them: it is a part of
# the node's driver, and the container runtime brings it.
#
#   collect-libraries.sh FOLDER
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The provider is the same in the wheels of every Python; the pinned one is that of 3.12.
python3 -m pip download --quiet --no-cache-dir --no-deps --only-binary=:all: --require-hashes \
  --python-version=3.12 --platform=manylinux_2_28_x86_64 --platform=manylinux_2_27_x86_64 \
  --platform=manylinux2014_x86_64 --platform=manylinux2010_x86_64 --platform=manylinux1_x86_64 \
  --dest="$scratch/wheels" --requirement="$here/requirements.txt"
mkdir -p "$folder/provider" "$folder/libraries"
for wheel in "$scratch"/wheels/*.whl; do
  python3 -m zipfile -e "$wheel" "$scratch/unpacked"
  rm "$wheel"
done
for name in shared cuda; do
  mv "$scratch/unpacked/onnxruntime/capi/libonnxruntime_providers_$name.so" "$folder/provider/"
done
find "$scratch/unpacked/nvidia" -name 'lib*.so*' -exec mv {} "$folder/libraries/" ';'
# A wrapper of the CPU's BLAS, and FFTW's interface: nothing here calls them.
rm -f "$folder"/libraries/libnvblas.so* "$folder"/libraries/libcufftw.so*
# cuDNN needs it, and distroless bases have none.
cp -L "$(find /lib /usr/lib -name libz.so.1 | head -n 1)" "$folder/libraries/"
chmod 0755 "$folder"/provider/* "$folder"/libraries/*
