/* Numbered sets of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "data/arena.h"
#include "data/textset.h"

static struct text_key key(const char *text, const char *pair)
{
	return (struct text_key){ text, pair, strlen(text), pair ? strlen(pair) : 0 };
}

static void texts_are_numbered_in_order(void **state)
{
	static const struct {
		const char *text, *pair;
		int number;
	} cases[] = {
		{ "a", NULL, 0 },	  { "b", NULL, 1 },	   { "a", NULL, 0 },
		{ "", NULL, 2 },	  { "a", "", 3 },	   { "a", "b", 4 },
		{ "ab", "", 5 },	  { "", "ab", 6 },	   { "b", "a", 7 },
		{ "a", "b", 4 },	  { "", NULL, 2 },	   { "12345678", NULL, 8 },
		{ "123456789", NULL, 9 }, { "12345678", "9", 10 },
	};
	struct textset s;

	(void)state;
	textset_init(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text_key k = key(cases[i].text, cases[i].pair);
		assert_int_equal(textset_add(&s, &k), cases[i].number);
		assert_int_equal(textset_find(&s, &k), cases[i].number);
	}
	assert_int_equal(s.n, 11);
	assert_int_equal(textset_find(&s, &(struct text_key){ .text = "c", .text_len = 1 }), -1);
	textset_clear(&s);
}

static void texts_may_hold_nul(void **state)
{
	struct text_key a = { .text = "a\0b", .text_len = 3 },
			b = { .text = "a\0c", .text_len = 3 };
	struct textset s;

	(void)state;
	textset_init(&s);
	assert_int_equal(textset_add(&s, &a), 0);
	assert_int_equal(textset_add(&s, &b), 1);
	textset_clear(&s);
}

static void many_texts_keep_their_numbers(void **state)
{
	enum { N = 20000 };
	struct arena *arena = arena_new();
	struct textset s;
	char text[16];

	(void)state;
	textset_init(&s);
	for (int i = 0; i < N; i++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "%d", i);
		struct text_key k = { .text = arena_copy(arena, text, n), .text_len = n };
		assert_int_equal(textset_add(&s, &k), i);
	}
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "%d", i);
		struct text_key k = key(text, NULL);
		assert_int_equal(textset_find(&s, &k), i);
	}
	textset_clear(&s);
	arena_free(arena);
}

static void an_arena_keeps_what_it_was_given(void **state)
{
	enum { LARGE = 300000 };
	static char large[LARGE];
	struct arena *a = arena_new();

	(void)state;
	memset(large, 'x', LARGE);
	char *first = arena_copy(a, "first", 5), *empty = arena_copy(a, NULL, 0);
	char *big = arena_copy(a, large, LARGE), *next = arena_copy(a, "next", 4);
	assert_string_equal(first, "first");
	assert_string_equal(empty, "");
	assert_memory_equal(big, large, LARGE);
	assert_int_equal(big[LARGE], 0);
	assert_string_equal(next, "next");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_numbered_in_order),
		cmocka_unit_test(texts_may_hold_nul),
		cmocka_unit_test(many_texts_keep_their_numbers),
		cmocka_unit_test(an_arena_keeps_what_it_was_given),
	};

	return cmocka_run_group_tests_name("textset", tests, NULL, NULL);
}
