/* libFuzzer: any bytes as a Parquet file. What is read must be whole: as many rows as are declared,
 * every text valid, terminated and within its limit; what is not read must say why. */
#include "base/err.h"
#include "data/dataset.h"
#include "data/parquet.h"
#include "text/unicode.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_WANTED 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const wanted[N_WANTED] = { "text", "label", "uint8", "bool" };
static const struct dataset_limits limits = { 1 << 20, 10000, 10000, 100 };

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

static void check_cell(const struct cell *c)
{
	bool text = c->kind == CELL_STRING || c->kind == CELL_INTEGER || c->kind == CELL_BOOLEAN;

	BUG_ON(text != (c->text != NULL));
	BUG_ON(!text && c->kind != CELL_MISSING && c->kind != CELL_REAL);
	BUG_ON(text && (c->text[c->len] != '\0' || c->len > limits.max_field));
	BUG_ON(text && utf8_valid_length(c->text, c->len) != c->len);
}

static void check_head(const struct parquet_file *p)
{
	char *const *names;

	for (int i = 0; i < N_WANTED; i++) {
		int column = parquet_column_of(p, i);
		BUG_ON(column >= parquet_n_columns(p));
		BUG_ON(column >= 0 && strcmp(parquet_columns(p)[column], wanted[i]) != 0);
		for (int k = parquet_class_names(p, i, &names) - 1; k >= 0; k--)
			BUG_ON(utf8_valid_length(names[k], strlen(names[k])) != strlen(names[k]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parquet_file *p = NULL;
	struct errinfo ei = { "" };
	struct cell cells[N_WANTED];
	int64_t n = 0;
	bool end = false;
	int fd = file_of(data, size);
	enum err e = parquet_open(fd, wanted, N_WANTED, &limits, &p, &ei);

	if (e == OK)
		check_head(p);
	while (e == OK && (e = parquet_next(p, cells, &end, &ei)) == OK && !end) {
		n++;
		for (int i = 0; i < N_WANTED; i++)
			check_cell(&cells[i]);
	}
	BUG_ON(e == OK && n != parquet_n_rows(p));
	BUG_ON(e != OK &&
	       (!ei.msg[0] || utf8_valid_length(ei.msg, strlen(ei.msg)) != strlen(ei.msg)));
	BUG_ON(e != OK && e != ERR_SYNTAX && e != ERR_TOO_LARGE && e != ERR_UNSUPPORTED);
	parquet_close(p);
	close(fd);
	return 0;
}
