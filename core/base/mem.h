/* Memory that is there or the process is not: sizes that come from outside are bounded before they
 * get here. */
#ifndef BERTD_BASE_MEM_H
#define BERTD_BASE_MEM_H

#include <stddef.h>

/* As malloc, calloc (zeroed), reallocarray, strdup, strndup; they abort instead of returning NULL,
 * also on overflow. */
void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_resize(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
/* A copy of n bytes, with a terminator behind them. */
char *mem_dup(const void *data, size_t n) __attribute__((malloc, returns_nonnull));
/* asprintf; the caller frees. */
char *mem_printf(const char *fmt, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* n zeroed bytes in pages of their own, for a large array that is soon gone again: mem_unmap gives
 * them back to the system, where free may keep them. n as it was; NULL is fine. */
void *mem_map(size_t n) __attribute__((malloc, returns_nonnull));
void mem_unmap(void *p, size_t n);

#endif
