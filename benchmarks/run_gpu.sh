#!/usr/bin/env bash
# The benchmarks of a GPU in under three minutes, those that matter most first: OUT=folder
# benchmarks/run_gpu.sh. SIZES='tiny tiny tiny' tries the script itself.
set -u
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1 XLA_PYTHON_CLIENT_PREALLOCATE=false TF_CPP_MIN_LOG_LEVEL=2
read -r net step second_net <<<"${SIZES:-full full small}"
out=${OUT:-benchmarks/results}

benchmark() {  # seconds after which nothing begins, seconds after which it ends, module, options
  local deadline=$1 limit=$2
  shift 2
  timeout -k 2 "$limit" python3 -m "benchmarks.$1" "${@:2}" --deadline="$deadline" --sample=0.1 \
    --out="$out" 2>&1 | tee -a "$out/log.txt"
  echo "== $1 ended after $SECONDS s" | tee -a "$out/log.txt"
}

mkdir -p "$out"
benchmark 55 82 c3d --net="$net" --kernels
benchmark 38 52 train_step --size="$step" --kernels
benchmark 22 32 c3d --net="$second_net"
