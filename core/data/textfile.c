/* Checked windows of a file: see textfile.h. */
#include "data/textfile.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utf8proc.h>

#define WINDOW_BYTES	    (64 * 1024)
#define LONGEST_CHARACTER   4
#define BYTE_ORDER_MARK	    "\xef\xbb\xbf"
#define BYTE_ORDER_MARK_LEN 3

void textfile_init(struct textfile *s, int fd, int64_t max_bytes)
{
	*s = (struct textfile){ .fd = fd, .max_bytes = max_bytes, .data = mem_alloc(WINDOW_BYTES) };
	s->at = s->end = s->data;
}

void textfile_clear(struct textfile *s)
{
	free(s->data);
	*s = (struct textfile){ .fd = -1 };
}

int64_t textfile_offset(const struct textfile *s)
{
	return s->n_read - (int64_t)s->len + (s->at - s->data);
}

/* Moves what is left to the front and reads until the buffer is full or the file ends. */
static enum err refill(struct textfile *s, struct errinfo *ei)
{
	size_t left = (size_t)(s->data + s->len - s->end);

	memmove(s->data, s->end, left);
	s->len = left;
	s->at = s->end = s->data;
	while (!s->eof && s->len < WINDOW_BYTES) {
		ssize_t n = read(s->fd, s->data + s->len, WINDOW_BYTES - s->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_errno(ei, "reading the file failed");
			return ERR_IO;
		}
		s->eof = n == 0;
		s->len += (size_t)n;
		s->n_read += n;
		if (s->n_read > s->max_bytes)
			return err_set(ei, ERR_TOO_LARGE, "the file is larger than %lld bytes",
				       (long long)s->max_bytes);
	}
	return OK;
}

/* How many of the n bytes are ASCII without NUL, in steps of eight. */
static size_t ascii_run(const char *p, size_t n)
{
	const uint64_t low = 0x0101010101010101u, high = 0x8080808080808080u;
	size_t i = 0;

	for (uint64_t w; i + sizeof(w) <= n; i += sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		if (((w - low) | w) & high)
			break;
	}
	return i;
}

/* How many of the n bytes are whole characters other than NUL. */
static size_t good_run(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i]) {
		utf8proc_int32_t cp;
		i += ascii_run(p + i, n - i);
		if (i == n || !p[i])
			break;
		utf8proc_ssize_t w = utf8proc_iterate((const utf8proc_uint8_t *)p + i,
						      (utf8proc_ssize_t)(n - i), &cp);
		if (w <= 0)
			break;
		i += (size_t)w;
	}
	return i;
}

enum err textfile_fill(struct textfile *s, struct errinfo *ei)
{
	bool first = s->n_read == 0;

	BUG_ON(s->at != s->end);
	if (!s->eof && s->data + s->len - s->end < LONGEST_CHARACTER) {
		enum err e = refill(s, ei);
		if (e != OK)
			return e;
	}
	if (first && s->len >= BYTE_ORDER_MARK_LEN &&
	    memcmp(s->data, BYTE_ORDER_MARK, BYTE_ORDER_MARK_LEN) == 0)
		s->at = s->end = s->data + BYTE_ORDER_MARK_LEN;
	size_t left = (size_t)(s->data + s->len - s->at);
	size_t good = good_run(s->at, left);
	s->defect = TEXTFILE_GOOD;
	if (good == 0 && left > 0) {
		s->defect = *s->at ? TEXTFILE_NOT_UTF8 : TEXTFILE_NUL;
		good = 1;
	}
	s->end = s->at + good;
	return OK;
}

enum err textfile_fault(const struct textfile *s, int64_t line, struct errinfo *ei)
{
	long long offset = textfile_offset(s);

	if (s->defect == TEXTFILE_NUL)
		return err_set(ei, ERR_SYNTAX, "line %lld: a NUL byte at offset %lld of the file",
			       (long long)line, offset);
	return err_set(ei, ERR_SYNTAX,
		       "line %lld: byte 0x%02x at offset %lld of the file is not UTF-8",
		       (long long)line, (unsigned)(unsigned char)*s->at, offset);
}
