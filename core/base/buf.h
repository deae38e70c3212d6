/* A growable byte buffer. Zero-initialised it is empty and valid. */
#ifndef BERTD_BASE_BUF_H
#define BERTD_BASE_BUF_H

#include <stddef.h>

struct buf {
	char *data; /* NULL or terminated: data[len] == 0 */
	size_t len; /* bytes, without the terminator */
	size_t cap;
};

void buf_append(struct buf *b, const void *data, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at data + len; the caller writes there and then adds to len (and
 * terminates). */
void buf_reserve(struct buf *b, size_t n);
/* Empties without giving memory back. */
void buf_reset(struct buf *b);
/* Steals the bytes (never NULL, terminated); the buffer is empty afterwards. The caller frees. */
char *buf_take(struct buf *b);
/* Frees and empties. */
void buf_clear(struct buf *b);

#endif
