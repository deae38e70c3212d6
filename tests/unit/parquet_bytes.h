/* Parquet files written byte by byte, so that each of their numbers can be a lie: one column "text"
 * of strings without nulls, in one row group. */
#ifndef BERTD_TESTS_PARQUET_BYTES_H
#define BERTD_TESTS_PARQUET_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

/* Thrift's compact protocol. */
enum { T_STOP, T_I32 = 5, T_I64, T_BINARY = 8, T_LIST, T_STRUCT = 12 };

static inline void put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

/* The head of a field `delta` ids behind the one before. */
static inline void put_head(struct buf *b, int delta, int type)
{
	buf_putc(b, (char)(delta << 4 | type));
}

static inline void put_number(struct buf *b, int delta, int type, int64_t v)
{
	put_head(b, delta, type);
	put_varint(b, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static inline void put_text(struct buf *b, const char *text)
{
	put_varint(b, strlen(text));
	buf_puts(b, text);
}

static inline void put_list(struct buf *b, int delta, int type, uint64_t n)
{
	put_head(b, delta, T_LIST);
	buf_putc(b, (char)(0xF0 | type));
	put_varint(b, n);
}

static inline void put_stop(struct buf *b)
{
	buf_putc(b, T_STOP);
}

#define TRUE_SIZE INT64_MIN

struct page {
	bool dictionary;
	int32_t encoding; /* 0: plain, 2: plain dictionary */
	int64_t n_values;
	int64_t uncompressed, compressed; /* or TRUE_SIZE */
	const char *data;
	size_t len;
};

static inline void put_page(struct buf *b, const struct page *p)
{
	put_number(b, 1, T_I32, p->dictionary ? 2 : 0);
	put_number(b, 1, T_I32, p->uncompressed == TRUE_SIZE ? (int64_t)p->len : p->uncompressed);
	put_number(b, 1, T_I32, p->compressed == TRUE_SIZE ? (int64_t)p->len : p->compressed);
	put_head(b, p->dictionary ? 4 : 2, T_STRUCT);
	put_number(b, 1, T_I32, p->n_values);
	put_number(b, 1, T_I32, p->encoding);
	if (!p->dictionary) {
		put_number(b, 1, T_I32, 3); /* levels: RLE */
		put_number(b, 1, T_I32, 3);
	}
	put_stop(b);
	put_stop(b);
	buf_append(b, p->data, p->len);
}

struct parquet_lie {
	int64_t n_rows;	  /* of the file */
	int64_t n_group;  /* of the row group */
	int64_t n_values; /* of the column */
	int64_t codec;	  /* 0: none, 1: snappy, 3: LZO */
	int64_t uncompressed;
	int64_t compressed; /* or TRUE_SIZE */
	int64_t offset;	    /* of the first page; 4 is the truth */
};

static inline void put_schema(struct buf *b)
{
	put_list(b, 1, T_STRUCT, 2);
	put_head(b, 4, T_BINARY);
	put_text(b, "schema");
	put_number(b, 1, T_I32, 1);
	put_stop(b);
	put_number(b, 1, T_I32, 6); /* BYTE_ARRAY */
	put_number(b, 2, T_I32, 0); /* required */
	put_head(b, 1, T_BINARY);
	put_text(b, "text");
	put_number(b, 2, T_I32, 0); /* UTF8 */
	put_stop(b);
}

static inline void put_chunk(struct buf *b, const struct parquet_lie *x, int64_t n_bytes)
{
	put_number(b, 2, T_I64, 0);
	put_head(b, 1, T_STRUCT);
	put_number(b, 1, T_I32, 6);
	put_list(b, 1, T_I32, 1);
	put_varint(b, 0);
	put_list(b, 1, T_BINARY, 1);
	put_text(b, "text");
	put_number(b, 1, T_I32, x->codec);
	put_number(b, 1, T_I64, x->n_values);
	put_number(b, 1, T_I64, x->uncompressed);
	put_number(b, 1, T_I64, x->compressed == TRUE_SIZE ? n_bytes : x->compressed);
	put_number(b, 2, T_I64, x->offset);
	put_stop(b);
	put_stop(b);
}

static inline void put_footer(struct buf *b, const struct parquet_lie *x, int64_t n_bytes)
{
	put_number(b, 1, T_I32, 1);
	put_schema(b);
	put_number(b, 1, T_I64, x->n_rows);
	put_list(b, 1, T_STRUCT, 1);
	put_list(b, 1, T_STRUCT, 1);
	put_chunk(b, x, n_bytes);
	put_number(b, 1, T_I64, n_bytes);
	put_number(b, 1, T_I64, x->n_group);
	put_stop(b);
	put_stop(b);
}

/* The end of a file whose footer begins at `start`. */
static inline void put_tail(struct buf *b, size_t start)
{
	size_t n = b->len - start;

	for (int i = 0; i < 4; i++)
		buf_putc(b, (char)(n >> 8 * i));
	buf_puts(b, "PAR1");
}

static inline void put_file(struct buf *b, const struct page *pages, int n,
			    const struct parquet_lie *x)
{
	buf_puts(b, "PAR1");
	for (int i = 0; i < n; i++)
		put_page(b, &pages[i]);
	size_t start = b->len;
	put_footer(b, x, (int64_t)start - 4);
	put_tail(b, start);
}

#endif
