/* A folder with the files that a test names, and the tokenizer in it. */
#ifndef BERTD_TESTS_TOKENIZER_FIXTURE_H
#define BERTD_TESTS_TOKENIZER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/mem.h"
#include "text/tokenizer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define VOCAB \
	"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\nun\n##aff\n##able\n,\n!\na\n" \
	"##a\nb\n中\n文\né\ne\n[\n]\n" \
	"sep\nHello\n"

struct file {
	const char *name, *content;
};

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/bertd-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct errinfo ei;

	(void)state;
	return files_remove(dir, &ei) == OK ? 0 : -1;
}

static void write_files(const struct file *files, size_t n)
{
	struct errinfo ei;

	for (size_t i = 0; i < n && files[i].name; i++) {
		char *path = mem_printf("%s/%s", dir, files[i].name);
		assert_int_equal(files_write(path, files[i].content, strlen(files[i].content), &ei),
				 OK);
		free(path);
	}
}

static struct tokenizer *open_dir(const char *path)
{
	struct tokenizer *t = NULL;
	struct errinfo ei;

	if (tokenizer_open(path, &t, &ei) != OK)
		fail_msg("%s", ei.msg);
	return t;
}

/* The tokenizer of the given files, alone in a fresh folder. */
#define OPEN(...) open_files((const struct file[]){ __VA_ARGS__, { NULL, NULL } })
static struct tokenizer *open_files(const struct file *files)
{
	assert_int_equal(remove_dir(NULL), 0);
	assert_int_equal(make_dir(NULL), 0);
	write_files(files, SIZE_MAX);
	return open_dir(dir);
}

static void assert_tokens(const struct tokenizer *t, const char *text, size_t len, const char *want)
{
	struct encoding enc = { 0 };
	struct buf got = { 0 };
	struct errinfo ei;

	if (tokenizer_encode(t, text, len, NULL, 0, 0, &enc, &ei) != OK)
		fail_msg("%s", ei.msg);
	assert_string_equal(tokenizer_token(t, enc.input_ids[0]), "[CLS]");
	assert_string_equal(tokenizer_token(t, enc.input_ids[enc.n - 1]), "[SEP]");
	buf_puts(&got, "");
	for (int i = 1; i < enc.n - 1; i++)
		buf_printf(&got, i > 1 ? " %s" : "%s", tokenizer_token(t, enc.input_ids[i]));
	if (strcmp(got.data, want) != 0)
		fail_msg("\"%s\" gave \"%s\", not \"%s\"", text, got.data, want);
	assert_int_equal(enc.n, enc.n_untruncated);
	buf_clear(&got);
	encoding_clear(&enc);
}

#endif
