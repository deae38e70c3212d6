/* A tokenizer of a few words, and rows for it. */
#ifndef BERTD_TESTS_ROWS_FIXTURE_H
#define BERTD_TESTS_ROWS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/mem.h"
#include "data/encoder.h"

static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nfilm\n##s\n";
enum { UNK = 1, CLS, SEP, GOOD = 5, BAD, FILM, S, N_VOCABULARY };

static inline struct tokenizer *rows_tokenizer(void)
{
	char dir[] = "/tmp/bertd-rows-XXXXXX", path[64];
	struct tokenizer *t = NULL;
	struct errinfo ei = { "no folder" };

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vocab.txt", dir);
	assert_int_equal(files_write(path, vocabulary, strlen(vocabulary), &ei), OK);
	if (tokenizer_open(dir, &t, &ei) != OK)
		fail_msg("%s", ei.msg);
	assert_int_equal(files_remove(dir, &ei), OK);
	return t;
}

static inline struct example row(const char *text, int label, int64_t line)
{
	return (struct example){
		.text = text, .text_len = (uint32_t)strlen(text), .label = label, .line = line
	};
}

static inline struct example pair(const char *text, const char *second, int label, int64_t line)
{
	struct example x = row(text, label, line);

	x.pair = second;
	x.pair_len = (uint32_t)strlen(second);
	return x;
}

static const uint64_t rows_seed[2] = { 0x0123456789abcdefu, 0xfedcba9876543210u };

static inline struct encoder *rows_encoder(const struct tokenizer *t, int max_length, int threads,
					   encoder_taker *take, void *ctx)
{
	return encoder_new(&(struct encoder_config){ .tokenizer = t,
						     .max_length = max_length,
						     .threads = threads,
						     .seed = { rows_seed[0], rows_seed[1] },
						     .take = take,
						     .ctx = ctx });
}

#endif
