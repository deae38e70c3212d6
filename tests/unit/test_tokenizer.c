/* Encoding with a small vocabulary: pieces, specials, pairs, lengths, threads. */
#include "tokenizer_fixture.h"

#include <pthread.h>

static void text_is_cut_into_pieces(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ " \t\n", "" },
		{ "hello world", "hello world" },
		{ "HELLO,World!", "hello , world !" },
		{ "unaffable", "un ##aff ##able" },
		{ "unaffables", "[UNK]" }, /* one piece missing: the whole word is unknown */
		{ "aaaa", "a ##a ##a ##a" },
		{ "ab", "[UNK]" },
		{ "a!b", "a ! b" },
		{ "中文a", "中 文 a" },
		{ "é É e\u0301", "e e e" },
		{ "a\u2014b", "a [UNK] b" },
		{ "hello [SEP] world[MASK]", "hello [SEP] world [MASK]" },
		{ "[sep]", "[ sep ]" },
		{ "[[SEP]]", "[ [SEP] ]" },
		{ "[SEP", "[ sep" },
		{ "a[SEP]a", "a [SEP] a" },
		{ "##a", "[UNK] [UNK] a" },
	};
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB });

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_tokens(t, cases[i].text, strlen(cases[i].text), cases[i].want);
	assert_tokens(t, "a\0b a", 5, "[UNK] a");
	tokenizer_free(t);
}

static void a_word_may_have_100_characters(void **state)
{
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB });
	struct encoding enc = { 0 };
	struct errinfo ei;
	struct buf text = { 0 };

	(void)state;
	for (int n = 1; n <= 102; n++) {
		buf_puts(&text, n % 2 ? "a" : "Á"); /* characters, not bytes */
		assert_int_equal(tokenizer_encode(t, text.data, text.len, NULL, 0, 0, &enc, &ei),
				 OK);
		assert_int_equal(enc.n, n <= 100 ? n + 2 : 3);
	}
	buf_clear(&text);
	encoding_clear(&enc);
	tokenizer_free(t);
}

static void the_longest_is_cut_first(void **state)
{
	static const struct {
		int n_text, n_pair, max_length, want_text, want_pair; /* -1: no pair */
	} cases[] = {
		{ 5, -1, 0, 5, 0 },    { 5, -1, 7, 5, 0 }, { 5, -1, 6, 4, 0 },
		{ 5, -1, 2, 0, 0 },    { 0, -1, 2, 0, 0 }, { 5, 5, 0, 5, 5 },
		{ 5, 5, 13, 5, 5 },    { 5, 5, 12, 4, 5 }, { 5, 5, 11, 4, 4 },
		{ 8, 2, 9, 4, 2 },     { 2, 8, 9, 2, 4 },  { 8, 2, 7, 2, 2 },
		{ 8, 2, 6, 2, 1 },     { 2, 8, 6, 1, 2 },  { 8, 8, 4, 0, 1 },
		{ 8, 7, 4, 1, 0 },     { 8, 8, 3, 0, 0 },  { 0, 8, 5, 0, 2 },
		{ 8, 0, 5, 2, 0 },     { 0, 0, 3, 0, 0 },  { 600, 9, 64, 52, 9 },
		{ 1, 600, 64, 1, 60 },
	};
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB });
	struct encoding enc = { 0 };
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool pair = cases[i].n_pair >= 0;
		struct buf a = { 0 }, b = { 0 };
		for (int k = 0; k < cases[i].n_text; k++)
			buf_puts(&a, "a ");
		for (int k = 0; k < cases[i].n_pair; k++)
			buf_puts(&b, "b ");
		buf_puts(&b, "");
		assert_int_equal(tokenizer_encode(t, a.data, a.len, pair ? b.data : NULL, b.len,
						  cases[i].max_length, &enc, &ei),
				 OK);
		int first = cases[i].want_text + 2, n = first + (pair ? cases[i].want_pair + 1 : 0);
		assert_int_equal(enc.n, n);
		for (int k = 0; k < n; k++) {
			bool is_sep = k == first - 1 || k == n - 1;
			const char *want = k == 0      ? "[CLS]"
					   : is_sep    ? "[SEP]"
					   : k < first ? "a"
						       : "b";
			assert_string_equal(tokenizer_token(t, enc.input_ids[k]), want);
			assert_int_equal(enc.token_type_ids[k], k >= first);
		}
		assert_int_equal(enc.n_untruncated,
				 cases[i].n_text + 2 + (pair ? cases[i].n_pair + 1 : 0));
		assert_int_equal(enc.truncated, enc.n < enc.n_untruncated);
		buf_clear(&a);
		buf_clear(&b);
	}
	encoding_clear(&enc);
	tokenizer_free(t);
}

static void an_unknown_word_at_the_cut_is_one_token(void **state)
{
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB });
	struct encoding enc = { 0 };
	struct errinfo ei;

	(void)state;
	assert_int_equal(tokenizer_encode(t, "b aaaab b", 9, NULL, 0, 4, &enc, &ei), OK);
	assert_int_equal(enc.n, 4);
	assert_string_equal(tokenizer_token(t, enc.input_ids[2]), "[UNK]");
	assert_int_equal(enc.n_untruncated, 5);
	encoding_clear(&enc);
	tokenizer_free(t);
}

static void wrong_requests_are_refused_and_change_nothing(void **state)
{
	static const struct {
		const char *text, *pair;
		int max_length;
		const char *want;
	} cases[] = {
		{ "a", NULL, 1, "max_length is 1" },
		{ "a", NULL, -1, "max_length is -1" },
		{ "a", "b", 2, "the special tokens alone are 3" },
		{ "ab\xFF", NULL, 0, "the text is not valid UTF-8 at byte 2" },
		{ "\xED\xA0\x80", NULL, 0, "the text is not valid UTF-8 at byte 0" },
		{ "a", "0123456789\xC0\x80", 0, "the second text is not valid UTF-8 at byte 10" },
	};
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB });
	struct encoding enc = { 0 };
	struct errinfo ei;

	(void)state;
	assert_int_equal(tokenizer_encode(t, "hello", 5, NULL, 0, 0, &enc, &ei), OK);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *pair = cases[i].pair;
		assert_int_equal(tokenizer_encode(t, cases[i].text, strlen(cases[i].text), pair,
						  pair ? strlen(pair) : 0, cases[i].max_length,
						  &enc, &ei),
				 ERR_INVALID);
		assert_non_null(strstr(ei.msg, cases[i].want));
		assert_int_equal(enc.n, 3);
	}
	encoding_clear(&enc);
	tokenizer_free(t);
}

static void *encode_often(void *tokenizer)
{
	struct encoding enc = { 0 };
	struct errinfo ei;
	intptr_t wrong = 0;

	for (int i = 0; i < 2000; i++)
		if (tokenizer_encode(tokenizer, "Héllo unaffable 中 [SEP]", 26, "b", 1, 0, &enc,
				     &ei) != OK ||
		    enc.n != 10)
			wrong++;
	encoding_clear(&enc);
	return (void *)wrong;
}

static void threads_share_one(void **state)
{
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB });
	pthread_t threads[4];
	void *wrong;

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, encode_often, t), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	tokenizer_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cut_into_pieces),
		cmocka_unit_test(a_word_may_have_100_characters),
		cmocka_unit_test(the_longest_is_cut_first),
		cmocka_unit_test(an_unknown_word_at_the_cut_is_one_token),
		cmocka_unit_test(wrong_requests_are_refused_and_change_nothing),
		cmocka_unit_test(threads_share_one),
	};

	return cmocka_run_group_tests_name("tokenizer", tests, make_dir, remove_dir);
}
