#!/usr/bin/env bash
# The benchmarks of a GPU in under five minutes, those that matter most first: OUT=folder
# benchmarks/run_gpu.sh. SIZES='tiny small tiny tiny' tries the script itself. Prediction needs the
# packages of requirements.txt.
set -u
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1 XLA_PYTHON_CLIENT_PREALLOCATE=false TF_CPP_MIN_LOG_LEVEL=2
read -r step predicting net second_net <<<"${SIZES:-full small,full full small}"
out=${OUT:-benchmarks/results}

benchmark() {  # seconds after which it ends, module, options
  timeout -k 2 "$1" python3 -m "benchmarks.$2" "${@:3}" --out="$out" 2>&1 | tee -a "$out/log.txt"
  echo "== $2 ended after $SECONDS s" | tee -a "$out/log.txt"
}

mkdir -p "$out"
benchmark 85 train_step --size="$step" --kernels --deadline=55 --sample=0.1
benchmark 75 predict_speed --nets="$predicting"
benchmark 82 c3d --net="$net" --kernels --deadline=55 --sample=0.1
benchmark 32 c3d --net="$second_net" --deadline=22 --sample=0.1
