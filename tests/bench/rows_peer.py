"""The preparation of tests/bench/rows done by datasets.map with the fast tokenizer, for rows_bench.sh.

    rows_peer.py MODEL_DIR FILE.csv CACHE_DIR [MAX_LENGTH [PROCESSES]]

PROCESSES above 1 is num_proc, each with one thread of the tokenizer; else the tokenizer uses all cores itself. Prints one
line of JSON: seconds of load_dataset and of map, and the highest resident memory of this process and its children.
"""

import json
import os
import sys
import time

processes = int(sys.argv[5]) if len(sys.argv) > 5 else 1
os.environ["TOKENIZERS_PARALLELISM"] = "false" if processes > 1 else "true"
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets
import transformers


def peak(pid="self"):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def main():
    model, file, cache = sys.argv[1:4]
    max_length = int(sys.argv[4]) if len(sys.argv) > 4 else 64
    datasets.disable_progress_bars()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model, use_fast=True)
    start = time.perf_counter()
    rows = datasets.load_dataset("csv", data_files=file, split="train", cache_dir=cache)
    loaded = time.perf_counter()
    encoded = rows.map(lambda batch: tokenizer(batch["text"], truncation=True, max_length=max_length), batched=True,
                       num_proc=processes if processes > 1 else None)
    end = time.perf_counter()
    print(json.dumps({"rows": len(encoded), "tokens": sum(len(ids) for ids in encoded[:1000]["input_ids"]),
                      "load_seconds": loaded - start, "map_seconds": end - loaded, "peak_rss_bytes": peak(),
                      "datasets": datasets.__version__, "transformers": transformers.__version__}))


main()
