/* Reads one row group of many pages and prints how much memory that took beyond the libraries:
 *
 *     parquet [MEGABYTES]      300 unless given
 *
 * The file is a temporary one, in TMPDIR or /tmp. Exits 1 where memory grew by more than
 * MAX_GROWTH. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/parquet.h"

#include "../unit/parquet_bytes.h"

#define PAGE_VALUES 1024
#define TEXT_BYTES  1000
#define MAX_GROWTH  16384 /* kB */

static void put_texts(struct buf *b, int64_t first)
{
	static const char words[] = "one more of so many sentences, ";

	for (int64_t i = first; i < first + PAGE_VALUES; i++) {
		size_t start = b->len;
		buf_append(b, "\xe8\3\0\0", 4); /* TEXT_BYTES */
		while (b->len - start < 4 + TEXT_BYTES)
			buf_puts(b, words);
		b->len = start + 4 + TEXT_BYTES;
		snprintf(b->data + start + 4, 21, "%20lld", (long long)i);
		b->data[start + 4 + 20] = ' ';
	}
}

static void save(FILE *f, struct buf *b)
{
	if (fwrite(b->data, 1, b->len, f) != b->len) {
		perror("bench");
		exit(2);
	}
	buf_reset(b);
}

static FILE *make_file(int64_t n_pages)
{
	int64_t n = n_pages * PAGE_VALUES;
	struct parquet_lie truth = { n, n, n, 0, n * (4 + TEXT_BYTES), TRUE_SIZE, 4 };
	struct buf texts = { 0 }, b = { 0 };
	FILE *f = tmpfile();
	int64_t size = 0;

	if (!f) {
		perror("bench");
		exit(2);
	}
	buf_puts(&b, "PAR1");
	save(f, &b);
	for (int64_t i = 0; i < n_pages; i++) {
		put_texts(&texts, i * PAGE_VALUES);
		struct page page = { false,	0,	    PAGE_VALUES, TRUE_SIZE,
				     TRUE_SIZE, texts.data, texts.len };
		put_page(&b, &page);
		size += (int64_t)b.len;
		save(f, &b);
		buf_reset(&texts);
	}
	put_footer(&b, &truth, size);
	put_tail(&b, 0);
	save(f, &b);
	fflush(f);
	buf_clear(&texts);
	buf_clear(&b);
	return f;
}

static long peak_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static int64_t read_all(int fd)
{
	static const char *const wanted[] = { "text" };
	struct parquet_file *p = NULL;
	struct errinfo ei;
	struct cell cell;
	int64_t bytes = 0;
	bool end = false;
	enum err e = parquet_open(fd, wanted, 1, &dataset_default_limits, &p, &ei);

	while (e == OK && (e = parquet_next(p, &cell, &end, &ei)) == OK && !end)
		bytes += cell.len;
	if (e != OK) {
		fprintf(stderr, "%s\n", ei.msg);
		exit(2);
	}
	parquet_close(p);
	return bytes;
}

int main(int argc, char **argv)
{
	int64_t megabytes = argc > 1 ? atoll(argv[1]) : 300;
	FILE *f = make_file(megabytes * 1000 * 1000 / (PAGE_VALUES * (4 + TEXT_BYTES)) + 1);
	long before = peak_kb();
	double start = clock_monotonic();
	int64_t bytes = read_all(fileno(f));
	double seconds = clock_monotonic() - start;
	long grown = peak_kb() - before;

	printf("%lld bytes of text in one row group: %.2f s, %.0f MB/s; memory grew by %ld kB\n",
	       (long long)bytes, seconds, (double)bytes / 1e6 / seconds, grown);
	fclose(f);
	return grown > MAX_GROWTH;
}
