/* Tar archives for tests, block by block, so that they can be wrong in any way. */
#ifndef BERTD_TESTS_TAR_FIXTURE_H
#define BERTD_TESTS_TAR_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/tar.h"

static inline void tar_pad(struct buf *b)
{
	while (b->len % TAR_BLOCK)
		buf_putc(b, '\0');
}

/* Puts the checksum of the header block at `at` right. */
static inline void tar_seal(struct buf *b, size_t at)
{
	unsigned sum = 0;

	memset(b->data + at + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)b->data[at + i];
	snprintf(b->data + at + 148, 7, "%06o", sum);
}

/* A header that says size bytes, and the n bytes of content behind it. */
static inline void tar_put_sized(struct buf *b, const char *name, char type, const void *content,
				 size_t n, size_t size)
{
	size_t at = b->len;
	char header[TAR_BLOCK] = "";

	memcpy(header, name, strnlen(name, 100));
	strcpy(header + 100, "0000644");
	snprintf(header + 124, 12, "%011o", (unsigned)size);
	strcpy(header + 136, "00000000000");
	header[156] = type;
	memcpy(header + 257, "ustar", 6);
	memcpy(header + 263, "00", 2);
	buf_append(b, header, sizeof(header));
	tar_seal(b, at);
	buf_append(b, content, n);
	tar_pad(b);
}

static inline void tar_put(struct buf *b, const char *name, char type, const char *content)
{
	tar_put_sized(b, name, type, content, strlen(content), strlen(content));
}

static inline void tar_end(struct buf *b)
{
	static const char zeros[2 * TAR_BLOCK];

	buf_append(b, zeros, sizeof(zeros));
}

/* A pax record with its length in front. */
static inline const char *tar_record(const char *key, const char *value)
{
	static char out[1024];
	size_t n = strlen(key) + strlen(value) + 3;
	int digits = n + 1 < 10 ? 1 : n + 2 < 100 ? 2 : 3;

	snprintf(out, sizeof(out), "%zu %s=%s\n", n + (size_t)digits, key, value);
	return out;
}

#endif
