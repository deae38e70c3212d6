/* Drives the tokenizer from a shell: for the comparison with transformers
 * (tests/golden/tokenizer_parity.py) and for speed (tests/bench/tokenizer_bench.sh).
 *
 *     tokenizer DIR ids          stdin: one JSON value a line, a text or [text, pair or null,
 * max_length]; stdout: a line of JSON for each, {"ids", "types", "n_untruncated"} or {"error"}
 *     tokenizer DIR bench FILE   FILE: one JSON string a line; prints the rate in MB/s of UTF-8,
 * one thread tokenizer DIR save OUT     writes the tokenizer into the folder OUT */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/tokenizer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_SECONDS 2.0
#define BENCH_ROUNDS  3

static void fail(const char *what)
{
	fprintf(stderr, "tokenizer: %s\n", what);
	exit(1);
}

static void print_ints(struct buf *out, const char *key, const int32_t *v, int n)
{
	buf_printf(out, "\"%s\":[", key);
	for (int i = 0; i < n; i++)
		buf_printf(out, i ? ",%d" : "%d", v[i]);
	buf_putc(out, ']');
}

static void answer(const struct tokenizer *t, json_t *request, struct encoding *enc,
		   struct buf *out)
{
	json_t *text = json_is_array(request) ? json_array_get(request, 0) : request;
	json_t *pair = json_array_get(request, 1);
	int max_length = (int)json_integer_value(json_array_get(request, 2));
	struct errinfo ei;
	enum err e = tokenizer_encode(t, json_string_value(text), json_string_length(text),
				      json_string_value(pair), json_string_length(pair), max_length,
				      enc, &ei);

	buf_reset(out);
	if (e != OK) {
		buf_printf(out, "{\"error\":\"%s\"}", ei.msg);
		return;
	}
	buf_putc(out, '{');
	print_ints(out, "ids", enc->input_ids, enc->n);
	buf_putc(out, ',');
	print_ints(out, "types", enc->token_type_ids, enc->n);
	buf_printf(out, ",\"n_untruncated\":%lld}", (long long)enc->n_untruncated);
}

static void ids_mode(const struct tokenizer *t)
{
	struct encoding enc = { 0 };
	struct buf out = { 0 };
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		json_t *request =
			json_loadb(line, (size_t)n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		if (!request)
			fail("a line of the input is not JSON");
		answer(t, request, &enc, &out);
		puts(out.data);
		json_decref(request);
	}
	free(line);
	buf_clear(&out);
	encoding_clear(&enc);
}

static json_t *read_texts(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "r");
	json_t *texts = json_array();
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f)
		fail("the file cannot be opened");
	*bytes = 0;
	while ((n = getline(&line, &cap, f)) > 0) {
		json_t *text = json_loadb(line, (size_t)n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		if (!json_is_string(text))
			fail("a line of the file is not a JSON string");
		*bytes += json_string_length(text);
		json_array_append_new(texts, text);
	}
	fclose(f);
	free(line);
	return texts;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static int64_t encode_all(const struct tokenizer *t, json_t *texts, struct encoding *enc)
{
	int64_t tokens = 0;
	json_t *text;
	size_t i;

	json_array_foreach(texts, i, text) {
		struct errinfo ei;
		if (tokenizer_encode(t, json_string_value(text), json_string_length(text), NULL, 0,
				     0, enc, &ei) != OK)
			fail(ei.msg);
		tokens += enc->n;
	}
	return tokens;
}

/* The best of a few rounds, since other work on the machine only ever slows one down. */
static void bench_mode(const struct tokenizer *t, const char *path)
{
	struct encoding enc = { 0 };
	size_t bytes;
	json_t *texts = read_texts(path, &bytes);
	int64_t tokens = encode_all(t, texts, &enc);
	double best = 0;

	for (int round = 0; round < BENCH_ROUNDS; round++) {
		double start = now(), seconds;
		int passes = 0;
		do {
			encode_all(t, texts, &enc);
			passes++;
		} while ((seconds = now() - start) < BENCH_SECONDS / BENCH_ROUNDS);
		double rate = (double)bytes * passes / seconds / 1e6;
		best = rate > best ? rate : best;
	}
	printf("%.2f MB/s, %zu texts, %zu bytes, %lld tokens\n", best, json_array_size(texts),
	       bytes, (long long)tokens);
	json_decref(texts);
	encoding_clear(&enc);
}

int main(int argc, char **argv)
{
	struct tokenizer *t;
	struct errinfo ei;

	if (argc < 3)
		fail("usage: tokenizer DIR ids | bench FILE | save OUT");
	if (tokenizer_open(argv[1], &t, &ei) != OK)
		fail(ei.msg);
	if (strcmp(argv[2], "ids") == 0)
		ids_mode(t);
	else if (strcmp(argv[2], "bench") == 0 && argc == 4)
		bench_mode(t, argv[3]);
	else if (strcmp(argv[2], "save") == 0 && argc == 4 && tokenizer_save(t, argv[3], &ei) != OK)
		fail(ei.msg);
	tokenizer_free(t);
	return 0;
}
