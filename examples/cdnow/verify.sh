#!/bin/sh
# Trains the example models twice, on as different arithmetic as one machine offers (other BLAS kernels, other
# thread counts), and compares both with each other and with examples/models/cdnow, byte for byte.
# PYTHON names an interpreter that has requirements.txt installed; otherwise one is made in .cache/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${PYTHON:-}" ]; then
  venv="$here/.cache/venv"
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps --require-hashes --requirement "$here/requirements.txt"
  PYTHON="$venv/bin/python"
fi
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
export PYTHONDONTWRITEBYTECODE=1
"$PYTHON" "$here/train.py" --output "$output/first"
OPENBLAS_CORETYPE=Prescott OPENBLAS_NUM_THREADS=1 NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX2 AVX512F" \
  "$PYTHON" -W ignore "$here/train.py" --output "$output/second"
diff -r "$output/first" "$output/second"
diff -r "$output/first" "$here/../models/cdnow"
echo "byte-identical: two trainings and examples/models/cdnow"
