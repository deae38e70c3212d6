"""Writes core/text/unicode_differences.h: where libutf8proc 2.8 (Unicode 15.0) and the reference tokenizer disagree.

The reference (tokenizers 0.23.3, the backend of transformers 5.23) takes categories from the Rust crate unicode_categories
(Unicode 8), canonical decomposition and combining classes from unicode-normalization-alignments (Unicode 9), white space
and lower case from Rust's std (Unicode 17) and \\w from the regex crate (Unicode 16). What it does with each of the 1,112,064
code points is asked from the library itself, not from those crates' tables.

    .deps/venv/bin/python tests/golden/make_unicode.py [OUTPUT]
"""
import ctypes
import subprocess
import sys
from ctypes.util import find_library

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
OUT = sys.argv[1] if len(sys.argv) > 1 else "core/text/unicode_differences.h"

# The bits of core/text/unicode.h.
DROP, SPACE, PUNCT, MARK, REORDER, DECOMPOSES, UPPER, WORD, CJK = (1 << i for i in range(9))
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co").split()


class Property(ctypes.Structure):
    _fields_ = [("category", ctypes.c_int16), ("combining_class", ctypes.c_int16)]


lib = ctypes.CDLL(find_library("utf8proc"))
lib.utf8proc_version.restype = ctypes.c_char_p
lib.utf8proc_get_property.restype = ctypes.POINTER(Property)
assert lib.utf8proc_version() == b"2.8.0", lib.utf8proc_version()
UTF8PROC_DECOMPOSE = 1 << 4


def proc_decompose(c):
    out, boundary = (ctypes.c_int32 * 32)(), ctypes.c_int(0)
    n = lib.utf8proc_decompose_char(c, out, 32, UTF8PROC_DECOMPOSE, ctypes.byref(boundary))
    return "".join(map(chr, out[:n]))


def proc_flags(c):
    """What core/text/unicode.c derives from utf8proc alone."""
    p = lib.utf8proc_get_property(c).contents
    cat = CATEGORIES[p.category]
    f = 0
    if cat in ("Cc", "Cf", "Co") and c not in (9, 10, 13) or c == 0xFFFD:
        f |= DROP
    if cat in ("Zs", "Zl", "Zp") or 9 <= c <= 13 or c == 0x85:
        f |= SPACE
    if cat[0] == "P" or c < 128 and cat[0] == "S":
        f |= PUNCT
    if cat[0] in "LM" or cat in ("Nd", "Nl", "Pc") or c in (0x200C, 0x200D):
        f |= WORD
    if proc_decompose(c) != chr(c):
        f |= DECOMPOSES
    else:
        f |= (cat == "Mn") * MARK | (p.combining_class != 0) * REORDER
    return f


def bert(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **on}).normalize_str


clean, cjk, strip, lower = bert(clean_text=True), bert(handle_chinese_chars=True), bert(strip_accents=True), bert(lowercase=True)
nfd = normalizers.NFD().normalize_str
split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
word = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
word.add_tokens([AddedToken("Q", single_word=True, normalized=False)])


# One mark of each combining class that both libraries know, by class.
KNOWN = {}
for mark in [*range(0x300, 0x1AB0), *range(0x20D0, 0x3100)]:
    k = lib.utf8proc_get_property(mark).contents.combining_class
    if k and nfd(chr(mark)) == chr(mark):
        KNOWN.setdefault(k, chr(mark))
LOWEST, HIGHEST = KNOWN[min(KNOWN)], KNOWN[max(KNOWN)]


def is_reordered(c):
    s = chr(c)
    return nfd("a" + HIGHEST + s) != "a" + HIGHEST + s or nfd("a" + s + LOWEST) != "a" + s + LOWEST


def check_class(c):
    """A class that both have must be the same class: c sorts among the known marks as utf8proc says."""
    k, s = lib.utf8proc_get_property(c).contents.combining_class, chr(c)
    for other, mark in KNOWN.items():
        assert (nfd("a" + s + mark) != "a" + s + mark) == (other < k), hex(c)
        assert (nfd("a" + mark + s) != "a" + mark + s) == (other > k), hex(c)


def true_flags(c):
    s = chr(c)
    f = 0
    cleaned = clean(s)
    f |= (cleaned == "") * DROP
    pieces = len(split("a" + s + "b"))
    f |= (pieces == 2) * SPACE | (pieces == 3) * PUNCT
    assert (cleaned == " ") == (f & SPACE != 0 and not f & DROP), hex(c)
    f |= (1 not in word.encode("Q" + s).ids) * WORD
    f |= (cjk(s) != s) * CJK
    f |= (lower(s) != s) * UPPER
    if nfd(s) != s:
        return f | DECOMPOSES
    f |= (strip(s) == "") * MARK
    if is_reordered(c):
        check_class(c)
        f |= REORDER
    return f


def rows(values):
    """[(first, last, value)] of equal values on adjacent code points; value 0 is left out."""
    out = []
    for c, v in values:
        if out and out[-1][1] == c - 1 and out[-1][2] == v:
            out[-1][1] = c
        elif v:
            out.append([c, c, v])
    return [r for r in out if r[2]]


def fnv1a(data, h):
    for b in data:
        h = (h ^ b) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


flips, lowers, digest = [], [], 0xCBF29CE484222325
for c in CODE_POINTS:
    s, f = chr(c), true_flags(c)
    flips.append((c, f & ~(CJK | UPPER) ^ proc_flags(c)))
    low = lower(s)
    if low != chr(lib.utf8proc_tolower(c)):
        assert c == 0x130 and low == "i\u0307" or len(low) == 1
        lowers.append((c, ord(low) - c if c != 0x130 else 0))
    record = f.to_bytes(2, "little") + low.encode() + nfd(s).encode()
    digest = fnv1a(record, digest)
    if f & DECOMPOSES:
        assert nfd(s) == proc_decompose(c), hex(c)

NAMES = {DROP: "UNI_DROP", PUNCT: "UNI_PUNCT", MARK: "UNI_MARK", REORDER: "UNI_REORDER", DECOMPOSES: "UNI_DECOMPOSES",
         WORD: "UNI_WORD", SPACE: "UNI_SPACE"}


def names(v):
    return " | ".join(n for bit, n in NAMES.items() if v & bit)


with open(OUT, "w") as o:
    o.write(f"""/* Where libutf8proc 2.8 (Unicode 15.0) and the reference tokenizer disagree about a code point.
 *
 * Written by tests/golden/make_unicode.py from tokenizers {tokenizers.__version__}, whose crates know other versions of Unicode:
 * 8.0 for categories, 9.0 for decomposition and combining classes, the newest for white space, lower case and \\w.
 * Included by unicode.c only. */
#ifndef BERTD_TEXT_UNICODE_DIFFERENCES_H
#define BERTD_TEXT_UNICODE_DIFFERENCES_H

/* FNV-1a, 64 bits, over every code point but the surrogates in order: its enum uni_flag as two bytes little-endian, its
 * lower case and its canonical decomposition as UTF-8, all by the reference. */
#define UNICODE_DIGEST 0x{digest:016X}ULL

/* The flags in flip are the other way round than utf8proc says. */
static const struct {{
	uint32_t first, last;
	uint16_t flip;
}} unicode_flips[] = {{
""")
    for a, b, v in rows(flips):
        o.write(f"\t{{ 0x{a:05X}, 0x{b:05X}, {names(v)} }},\n")
    o.write("""};

/* Lower case is the code point plus delta (U+0130, which becomes two, is in the code). */
static const struct {
	uint32_t first, last;
	int32_t delta;
} unicode_lowers[] = {
""")
    for a, b, v in rows(lowers):
        o.write(f"\t{{ 0x{a:05X}, 0x{b:05X}, {v} }},\n")
    o.write("};\n\n#endif\n")
subprocess.run(["clang-format", "-i", OUT], check=True)
