/* Unicode, normalisation and the trie: what the tokenizer stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/normalize.h"
#include "text/trie.h"
#include "text/unicode.h"
#include "text/unicode_differences.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t fnv1a(uint64_t h, const unsigned char *p, const unsigned char *end)
{
	for (; p < end; p++)
		h = (h ^ *p) * 0x100000001B3ULL;
	return h;
}

/* Fails also where another libutf8proc knows code points that 2.8 does not. */
static void every_code_point_is_what_the_reference_says(void **state)
{
	uint64_t h = 0xCBF29CE484222325ULL;
	uint32_t parts[UNI_MAX_DECOMPOSITION], low[2];

	(void)state;
	for (uint32_t c = 0; c < UNI_LIMIT; c++) {
		unsigned char record[64], *p = record;
		if (c >= 0xD800 && c < 0xE000)
			continue;
		*p++ = (unsigned char)uni_flags(c);
		*p++ = (unsigned char)(uni_flags(c) >> 8);
		for (int i = 0, n = uni_lower(c, low); i < n; i++)
			p = utf8_put(p, low[i]);
		for (int i = 0, n = uni_decompose(c, parts); i < n; i++)
			p = utf8_put(p, parts[i]);
		h = fnv1a(h, record, p);
	}
	assert_true(h == UNICODE_DIGEST);
}

static void the_tables_of_differences_are_sorted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unicode_flips); i++) {
		assert_true(unicode_flips[i].first <= unicode_flips[i].last);
		assert_true(i == 0 || unicode_flips[i - 1].last < unicode_flips[i].first);
	}
	for (size_t i = 1; i < COUNT(unicode_lowers); i++)
		assert_true(unicode_lowers[i - 1].last < unicode_lowers[i].first);
}

static void utf8_is_valid_up_to_the_first_wrong_sequence(void **state)
{
	static const struct {
		const char *text;
		size_t len, valid;
	} cases[] = {
		{ "", 0, 0 },
		{ "abcdefghijk", 11, 11 },
		{ "a\0b", 3, 3 },
		{ "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, 9 },
		{ "\xEF\xBF\xBF\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80", 13, 13 },
		{ "abcdefgh\x80", 9, 8 }, /* a continuation alone */
		{ "ab\xC3", 3, 2 },	  /* cut off */
		{ "ab\xE2\x82", 4, 2 },
		{ "ab\xF0\x9F\x98", 5, 2 },
		{ "ab\xC3z", 4, 2 },
		{ "\xC0\x80", 2, 0 }, /* overlong */
		{ "\xC1\xBF", 2, 0 },
		{ "\xE0\x9F\xBF", 3, 0 },
		{ "\xF0\x8F\xBF\xBF", 4, 0 },
		{ "a\xED\xA0\x80", 4, 1 }, /* a surrogate */
		{ "a\xED\xBF\xBF", 4, 1 },
		{ "\xF4\x90\x80\x80", 4, 0 }, /* above U+10FFFF */
		{ "\xF5\x80\x80\x80", 4, 0 },
		{ "\xFF", 1, 0 },
		{ "\xE2\x82\xC3\xA9", 4, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(utf8_valid_length(cases[i].text, cases[i].len), cases[i].valid);
}

static void utf8_is_read_forwards_and_backwards(void **state)
{
	static const uint32_t points[] = { 0,	  'a',	  0x7F,	   0x80,    0x7FF,
					   0x800, 0xFFFF, 0x10000, 0x10FFFF };
	unsigned char text[64], *p = text;
	uint32_t c;

	(void)state;
	for (size_t i = 0; i < COUNT(points); i++)
		p = utf8_put(p, points[i]);
	assert_int_equal(utf8_valid_length((char *)text, (size_t)(p - text)), p - text);
	const unsigned char *q = text;
	for (size_t i = 0; i < COUNT(points); i++) {
		q = utf8_next(q, &c);
		assert_int_equal(c, points[i]);
		assert_int_equal(utf8_before(text, q), points[i]);
	}
}

enum { CLEAN = 1, CJK = 2, STRIP = 4, LOWER = 8, UNCASED = 15, CASED = 3 };

static struct normalizer normalizer_of(int switches)
{
	struct normalizer nz = { .clean_text = switches & CLEAN,
				 .handle_chinese_chars = switches & CJK,
				 .strip_accents = switches & STRIP,
				 .lowercase = switches & LOWER };

	normalizer_prepare(&nz);
	return nz;
}

static void assert_normal_form(int switches, const char *text, size_t len, const char *want,
			       size_t want_len)
{
	struct normalizer nz = normalizer_of(switches);
	struct buf out = { 0 };

	normalize(&nz, text, len, &out);
	if (out.len != want_len || memcmp(out.data, want, want_len) != 0)
		fail_msg("%d \"%s\" became \"%s\", not \"%s\"", switches, text, out.data, want);
	buf_clear(&out);
}

static void text_gets_its_normal_form(void **state)
{
	static const struct {
		int switches;
		const char *text, *want;
	} cases[] = {
		{ UNCASED, "Hello, World\t\n\r!", "hello, world   !" },
		{ UNCASED,
		  "a\x01\x7F\v\f"
		  "b",
		  "ab" }, /* controls go, also VT and FF */
		{ UNCASED,
		  "a\u00A0\u2003\u3000b\xC2\x85"
		  "c",
		  "a   bc" }, /* NEL is a control first */
		{ UNCASED, "a\u200B\u00AD\uFFFD\uE000b", "ab" },
		{ UNCASED, "ÀÉÎõü Ångström", "aeiou angstrom" },
		{ UNCASED, "e\u0301\u0327x", "ex" },
		{ CASED, "ÀÉ e\u0301", "ÀÉ e\u0301" },
		{ UNCASED, "İI", "ii" },
		{ LOWER, "İI", "i\u0307i" },	     /* the only lower case of two */
		{ UNCASED, "ΟΔΥΣΣΕΥΣ", "οδυσσευσ" }, /* no final sigma */
		{ UNCASED, "Straẞe \u1E9E", "straße ß" },
		{ UNCASED, "a中b", "a 中 b" },
		{ CLEAN, "a中b", "a中b" },
		{ UNCASED, "中文", " 中  文 " },
		{ UNCASED, "ガ한", "カ\u1112\u1161\u11AB" },
		{ UNCASED, "\uF900", " \u8C48 " },	  /* seen before it decomposes */
		{ UNCASED, "\u1FEF\u037E\u2126", "`;ω" }, /* singletons */
		{ UNCASED, "a\u302E\U0001D165\u0334b",
		  "a\U0001D165\u302Eb" }, /* 224 behind 216; Mn is gone */
		{ UNCASED, "a\u302E\u0488\U0001D165b",
		  "a\u302E\u0488\U0001D165b" }, /* Me has class 0 and parts them */
		{ UNCASED, "a\u302E\u0903\U0001D165b", "a\u302E\u0903\U0001D165b" },
		{ UNCASED, "a\u302E\x01\U0001D165b",
		  "a\U0001D165\u302Eb" }, /* what is dropped does not */
		{ UNCASED, "a\u302E \U0001D165b", "a\u302E \U0001D165b" },
		{ UNCASED, "\u302E\U0001D165", "\U0001D165\u302E" },
		{ UNCASED, "x\u0898\u08D4y",
		  "x\u0898\u08D4y" }, /* Mn of a later Unicode than the reference's */
		{ UNCASED, "\u1C89\uA7DC",
		  "\u1C8A\u019B" }, /* lower case of a later one than utf8proc's */
		{ CLEAN | LOWER, "É", "é" },
		{ STRIP, "É\x01", "E\x01" },
		{ 0, "É\t中\u200B", "É\t中\u200B" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_normal_form(cases[i].switches, cases[i].text, strlen(cases[i].text),
				   cases[i].want, strlen(cases[i].want));
	assert_normal_form(UNCASED, "A\0B", 3, "ab", 2);
	assert_normal_form(0, "A\0B", 3, "A\0B", 3);
}

/* A quadratic sort would take minutes here. */
static void many_marks_are_sorted_in_reasonable_time(void **state)
{
	enum { N = 300000 };
	struct buf text = { 0 }, want = { 0 };

	(void)state;
	for (int i = 0; i < N; i++)
		buf_puts(&text, i % 2 ? "\U0001D165" : "\u302E"); /* classes 216 and 224 */
	for (int i = 0; i < N; i++)
		buf_puts(&want, i < N / 2 ? "\U0001D165" : "\u302E");
	assert_normal_form(UNCASED, text.data, text.len, want.data, want.len);
	buf_clear(&text);
	buf_clear(&want);
}

static void text_that_grows_most_has_room(void **state)
{
	enum { N = 5000 };
	struct buf text = { 0 }, want = { 0 };

	(void)state;
	for (int i = 0; i < N; i++) {
		buf_puts(&text, "\U0001D160中a");
		buf_puts(&want, "\U0001D158\U0001D165\U0001D16E 中 a");
	}
	assert_normal_form(UNCASED, text.data, text.len, want.data, want.len);
	buf_clear(&text);
	buf_clear(&want);
}

static void the_longest_string_is_found(void **state)
{
	struct trie_key keys[] = { { "a", 1, 1 },    { "abc", 3, 2 }, { "abcd\0e", 6, 3 },
				   { "\xFF", 1, 4 }, { "b", 1, 5 },   { "", 0, 6 },
				   { "abc", 3, 0 } };
	static const struct {
		const char *s;
		int32_t value;
		size_t matched;
	} cases[] = { { "a", 1, 1 },  { "abx", 1, 1 },	    { "abcde", 2, 3 }, { "abcd\0e", 3, 6 },
		      { "c", -1, 0 }, { "\xFF\xFF", 4, 1 }, { "", -1, 0 },     { "b", 5, 1 } };
	struct trie t;

	(void)state;
	trie_build(&t, keys, COUNT(keys));
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t matched = 0, len = cases[i].value == 3 ? 6 : strlen(cases[i].s);
		assert_int_equal(trie_longest(&t, TRIE_ROOT, (const unsigned char *)cases[i].s, len,
					      &matched),
				 cases[i].value);
		assert_int_equal(matched, cases[i].matched);
	}
	assert_int_equal(trie_get(&t, "ab", 2), -1);
	assert_int_equal(trie_get(&t, "", 0), -1);
	assert_int_equal(trie_get(&t, "abc", 3), 2);
	trie_clear(&t);
}

static void an_empty_trie_finds_nothing(void **state)
{
	struct trie t;
	size_t matched;

	(void)state;
	trie_build(&t, NULL, 0);
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal(trie_longest(&t, TRIE_ROOT, &(unsigned char){ (unsigned char)c },
					      1, &matched),
				 -1);
	trie_clear(&t);
}

static void every_one_of_many_strings_is_found(void **state)
{
	enum { N = 20000, LEN = 6 };
	struct trie_key *keys = mem_alloc(N * sizeof *keys), *sorted = mem_alloc(N * sizeof *keys);
	char(*strings)[LEN] = mem_zalloc(N, LEN);
	struct trie t;

	(void)state;
	for (int i = 0; i < N; i++) { /* distinct, and with all bytes */
		memcpy(strings[i], &(uint32_t){ (uint32_t)i * 2654435761u }, 4);
		strings[i][4] = (char)i;
		keys[i] = sorted[i] = (struct trie_key){ strings[i], 4 + i % 2, i };
	}
	trie_build(&t, sorted, N);
	for (int i = 0; i < N; i++)
		assert_int_equal(trie_get(&t, keys[i].s, keys[i].len), i);
	assert_true(t.n < 20 * N);
	trie_clear(&t);
	free(strings);
	free(keys);
	free(sorted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_what_the_reference_says),
		cmocka_unit_test(the_tables_of_differences_are_sorted),
		cmocka_unit_test(utf8_is_valid_up_to_the_first_wrong_sequence),
		cmocka_unit_test(utf8_is_read_forwards_and_backwards),
		cmocka_unit_test(text_gets_its_normal_form),
		cmocka_unit_test(many_marks_are_sorted_in_reasonable_time),
		cmocka_unit_test(text_that_grows_most_has_room),
		cmocka_unit_test(the_longest_string_is_found),
		cmocka_unit_test(an_empty_trie_finds_nothing),
		cmocka_unit_test(every_one_of_many_strings_is_found),
	};

	unicode_init();
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
