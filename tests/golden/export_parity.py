"""Models out of bertd and into it, as tar archives, beside transformers.

    OMP_NUM_THREADS=1 .deps/venv/bin/python tests/golden/export_parity.py

A folder that save_pretrained wrote goes into bertd as a tar, and comes out again with the same bytes. A model that a
job of bertd trained is exported, loaded by pipeline("text-classification"), and imported on another data directory:
the scores of transformers within 1e-5, those of the other bertd equal to the last bit. Its card is read by
huggingface_hub, and its evaluation compared with the Trainer's: the loss within 1e-5, the counts equal. Else it exits 1.
"""

import io
import pathlib
import sys
import tarfile
import tempfile

from interchange_parity import (DATA, MODEL, compare, inputs, of_another_kind, of_transformers, open_model, rows)

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration"))

import transformers
from daemon import Daemon
from huggingface_hub import ModelCard
from transformers import AutoTokenizer, Trainer, TrainingArguments

STEPS = 40
MAX_LENGTH = 32


def of_server(daemon, model):
    """The pipeline's scores for every input, a few at a time."""
    scores, texts = [], inputs()
    for i in range(0, len(texts), 32):
        answer = daemon.post("/classify", {"model": model, "input": texts[i:i + 32], "top_k": None})
        if answer.status != 200:
            sys.exit(f"{model}: {answer}")
        scores += [{s["label"]: s["score"] for s in r["scores"]} for r in answer.json["data"]]
    return scores


def tar_of(folder):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        t.add(folder, arcname="model")
    return out.getvalue()


def bring(daemon, tar, name):
    answer = daemon.ask("POST", f"/models?name={name}", tar, {"Content-Type": "application/x-tar"})
    if answer.status != 201:
        sys.exit(f"import: {answer}")


def fetch(daemon, model, folder):
    """Unpacks an export; gives the archive and the model's folder."""
    answer = daemon.get(f"/models/{model}/export")
    if answer.status != 200:
        sys.exit(f"export: {answer}")
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as t:
        t.extractall(folder, filter="data")
    return answer.body, folder / model


def same(what, good):
    print(f"{'ok  ' if good else 'FAIL'} {what}", flush=True)
    return good


def there_and_back(daemon, root):
    """A folder of transformers, in and out again."""
    tokenizer, folder = AutoTokenizer.from_pretrained(MODEL), root / "theirs"
    of_another_kind(folder, tokenizer, 3, None)
    bring(daemon, tar_of(folder), "theirs")
    good = compare("a folder of transformers, imported", of_transformers(folder), of_server(daemon, "theirs"))
    _, again = fetch(daemon, "theirs", root / "again")
    files = sorted(f.name for f in again.iterdir())
    good &= same(f"comes out as it went in: {', '.join(files)}",
                 all((again / f).read_bytes() == (folder / f).read_bytes() for f in files))
    return good


def train(daemon):
    job = daemon.submit(model="minilm", name="ours", max_length=MAX_LENGTH,
                        dataset={"train": "reviews_train.csv", "validation": "reviews_validation.csv"},
                        args={"max_steps": STEPS, "learning_rate": 3e-4})
    done = daemon.wait(job)
    if done["status"] != "succeeded":
        sys.exit(f"the job: {done}")


def exported(daemon, root):
    train(daemon)
    tar, folder = fetch(daemon, "ours", root / "ours")
    here = of_server(daemon, "ours")
    good = compare("a trained model, exported, in transformers", here, of_transformers(folder))
    with Daemon() as other:
        bring(other, tar, "ours")
        good &= same("on another server every score is the same", of_server(other, "ours") == here)
    card = ModelCard.load(folder / "README.md").data.to_dict()
    good &= same(f"its card says {card}", card["base_model"] == "minilm" and card["library_name"] == "transformers"
                 and card["pipeline_tag"] == "text-classification" and "f1" in card["metrics"])
    return good & evaluated(daemon, folder)


def evaluated(daemon, folder):
    ours = daemon.post("/models/ours/evaluate", {"dataset": {"test": "reviews_test.csv"}}).json["metrics"]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), open_model(folder)
    data = [dict(tokenizer(t, truncation=True, max_length=MAX_LENGTH), labels=model.config.label2id[label])
            for t, label in rows("reviews_test.csv")]
    args = TrainingArguments(output_dir=str(folder) + ".trainer", use_cpu=True, report_to=[], disable_tqdm=True)
    theirs = Trainer(model=model, args=args, processing_class=tokenizer,
                     compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(-1) == p.label_ids).mean())})
    theirs = theirs.evaluate(data)
    return same(f"evaluated: loss {ours['eval_loss']:.7f} beside {theirs['eval_loss']:.7f}, accuracy "
                f"{ours['eval_accuracy']:.4f} beside {theirs['eval_accuracy']:.4f}",
                abs(ours["eval_loss"] - theirs["eval_loss"]) < 1e-5
                and abs(ours["eval_accuracy"] - theirs["eval_accuracy"]) < 1e-9)


def main():
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix="bertd-export-") as tmp, Daemon(data_root=DATA.resolve()) as daemon:
        (daemon.folder / "models" / "minilm").symlink_to(pathlib.Path(MODEL).resolve())
        good = there_and_back(daemon, pathlib.Path(tmp))
        good &= exported(daemon, pathlib.Path(tmp))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
