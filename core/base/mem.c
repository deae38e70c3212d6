/* Memory: see mem.h. */
#include "base/mem.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *mem_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	BUG_ON(!p);
	return p;
}

void *mem_zalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	BUG_ON(!p);
	return p;
}

void *mem_resize(void *p, size_t count, size_t size)
{
	size_t n;

	BUG_ON(__builtin_mul_overflow(count, size, &n));
	p = realloc(p, n ? n : 1);
	BUG_ON(!p);
	return p;
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t n)
{
	return mem_dup(s, strnlen(s, n));
}

char *mem_dup(const void *data, size_t n)
{
	char *copy = mem_alloc(n + 1);

	memcpy(copy, data, n);
	copy[n] = '\0';
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	return s;
}

void *mem_map(size_t n)
{
	void *p = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	BUG_ON(p == MAP_FAILED);
	return p;
}

void mem_unmap(void *p, size_t n)
{
	if (p)
		munmap(p, n ? n : 1);
}
