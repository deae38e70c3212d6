"""The job of tests/bench/train done by transformers.Trainer with its defaults, for bench_train.sh.

    trainer_peer.py [--threads N] MODEL_DIR TRAIN.csv VALIDATION.csv TEST.csv OUT_DIR [ARGS_JSON] [MAX_LENGTH]

Prints each log record as a line of JSON, and at the end what it took.
"""

import argparse
import json
import resource
import time

import pandas
import torch
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)


def parse():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--threads", type=int, default=0)
    for name in ["model", "train", "validation", "test", "out"]:
        options.add_argument(name)
    options.add_argument("args", nargs="?", default="{}")
    options.add_argument("max_length", nargs="?", type=int, default=64)
    return options.parse_args()


class Rows(torch.utils.data.Dataset):
    def __init__(self, path, names, tokenizer, max_length):
        frame = pandas.read_csv(path, keep_default_na=False)
        self.encoded = tokenizer(frame.text.tolist(), padding="max_length", truncation=True, max_length=max_length)
        self.labels = [names.index(str(label)) for label in frame.label]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {**{key: values[i] for key, values in self.encoded.items()}, "labels": self.labels[i]}


class Print(TrainerCallback):
    def on_log(self, args, state, control, logs, **rest):
        kind = "log" if "loss" in logs else "eval" if "eval_loss" in logs else "train"
        print(json.dumps({"type": kind, **logs, "step": state.global_step}), flush=True)


def compute_metrics(prediction):
    guesses = prediction.predictions.argmax(-1)
    return {"accuracy": accuracy_score(prediction.label_ids, guesses),
            "f1": f1_score(prediction.label_ids, guesses, average="macro")}


def main():
    start, options = time.monotonic(), parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    names = sorted({str(label) for label in pandas.read_csv(options.train, keep_default_na=False).label})
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    splits = [Rows(path, names, tokenizer, options.max_length)
              for path in (options.train, options.validation, options.test)]
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=len(names))
    args = {"eval_strategy": "epoch", "save_strategy": "epoch", **json.loads(options.args)}
    trainer = Trainer(
        model, TrainingArguments(options.out, report_to="none", use_cpu=True, disable_tqdm=True, **args),
        train_dataset=splits[0], eval_dataset=splits[1], processing_class=tokenizer, compute_metrics=compute_metrics,
        callbacks=[Print()])
    trainer.remove_callback(PrinterCallback)
    loaded = time.monotonic()
    trainer.train()
    trainer.evaluate(splits[2])
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"type": "resources", "seconds": time.monotonic() - start, "load_seconds": loaded - start,
                      "cpu_seconds": used.ru_utime + used.ru_stime, "max_rss_bytes": used.ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
