/* Faults of rows: see faults.h. */
#include "data/faults.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

static void add(struct row_faults *rf, const char *pointer, const char *fmt, va_list ap)
{
	struct errinfo words;

	if (rf->n++ >= ROW_FAULTS_KEPT)
		return;
	vsnprintf(words.msg, sizeof(words.msg), fmt, ap);
	faults_add(rf->faults, pointer, "%s", words.msg);
}

void row_faults_add(struct row_faults *rf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(rf, rf->pointer, fmt, ap);
	va_end(ap);
}

void row_faults_add_at(struct row_faults *rf, const char *pointer, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(rf, pointer, fmt, ap);
	va_end(ap);
}

void row_faults_end(struct row_faults *rf)
{
	int64_t more = rf->n - ROW_FAULTS_KEPT;

	if (more > 0)
		faults_add(rf->faults, rf->pointer, ELLIPSIS " and %lld more fault%s",
			   (long long)more, more == 1 ? "" : "s");
}

const char *nearest_name(char *const *names, int n, const char *name)
{
	struct field *table = mem_zalloc((size_t)n + 1, sizeof(*table));

	for (int i = 0; i < n; i++)
		table[i].name = names[i];
	const char *nearest = fields_nearest(table, name);
	free(table);
	return nearest;
}

const char *excerpt_of(const char *text, size_t len, struct excerpt *out)
{
	size_t n = len < EXCERPT_SIZE ? len : EXCERPT_SIZE;
	char *p = out->text;

	while (n < len && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	*p++ = '"';
	for (size_t i = 0; i < n; i++)
		*p++ = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
	strcpy(p, n < len ? ELLIPSIS "\"" : "\"");
	return out->text;
}
