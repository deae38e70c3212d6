/* The normaliser: see normalize.h. ASCII goes through a table; the rest is looked at one code point
 * at a time. */
#include "text/normalize.h"

#include "base/mem.h"
#include "text/unicode.h"

#include <stdlib.h>

#define MOST_BYTES \
	64 /* more than one code point can become: two blanks, four parts, each of two letters */

/* Text on its way out. Characters whose combining class is not 0 wait, because NFD sorts each run
 * of them (stably, by class) before the next character that has class 0. Those that are Mn never
 * wait: they would be removed afterwards and do not change the order of the others. */
struct writer {
	const struct normalizer *nz;
	unsigned char *p;
	uint64_t *waiting; /* class << 56 | place in the run << 24 | code point */
	size_t n_waiting, cap_waiting;
	struct buf *out;
};

static void make_room(struct writer *w, size_t n)
{
	w->out->len = (size_t)(w->p - (unsigned char *)w->out->data);
	if (w->out->cap - w->out->len <= n)
		buf_reserve(w->out, n);
	w->p = (unsigned char *)w->out->data + w->out->len;
}

static void write_lower(struct writer *w, uint32_t c)
{
	uint32_t low[2] = { c };
	int n = 1;

	if (w->nz->lowercase && (uni_flags(c) & UNI_UPPER))
		n = uni_lower(c, low);
	for (int i = 0; i < n; i++)
		w->p = utf8_put(w->p, low[i]);
}

static int compare_waiting(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void write_waiting(struct writer *w, size_t remaining)
{
	qsort(w->waiting, w->n_waiting, sizeof *w->waiting, compare_waiting);
	for (size_t i = 0; i < w->n_waiting; i++) {
		make_room(w, MOST_BYTES + remaining);
		write_lower(w, (uint32_t)(w->waiting[i] & 0xFFFFFF));
	}
	w->n_waiting = 0;
}

static void wait_for_starter(struct writer *w, uint32_t c)
{
	if (w->n_waiting == w->cap_waiting) {
		w->cap_waiting = w->cap_waiting ? 2 * w->cap_waiting : 16;
		w->waiting = mem_resize(w->waiting, w->cap_waiting, sizeof *w->waiting);
	}
	w->waiting[w->n_waiting] =
		(uint64_t)uni_combining_class(c) << 56 | (uint64_t)w->n_waiting << 24 | c;
	w->n_waiting++;
}

/* One code point of the decomposition. */
static void strip_and_write(struct writer *w, uint32_t c, size_t remaining)
{
	unsigned f = uni_flags(c);

	if (f & UNI_REORDER) {
		if (!(f & UNI_MARK))
			wait_for_starter(w, c);
		return;
	}
	if (w->n_waiting)
		write_waiting(w, remaining);
	if (!(f & UNI_MARK))
		write_lower(w, c);
}

static void write_char(struct writer *w, uint32_t c, unsigned f, size_t remaining)
{
	uint32_t parts[UNI_MAX_DECOMPOSITION];

	if (!w->nz->strip_accents) {
		write_lower(w, c);
		return;
	}
	if (!(f & UNI_DECOMPOSES)) {
		strip_and_write(w, c, remaining);
		return;
	}
	int n = uni_decompose(c, parts);
	for (int i = 0; i < n; i++)
		strip_and_write(w, parts[i], remaining);
}

static void write_blank(struct writer *w, size_t remaining)
{
	if (w->n_waiting)
		write_waiting(w, remaining);
	*w->p++ = ' ';
}

static void normalize_char(struct writer *w, uint32_t c, size_t remaining)
{
	const struct normalizer *nz = w->nz;
	unsigned f = uni_flags(c);

	make_room(w, MOST_BYTES + remaining);
	if (nz->clean_text && (f & (UNI_DROP | UNI_SPACE))) {
		if (!(f & UNI_DROP))
			write_blank(w, remaining);
		return;
	}
	if (!(nz->handle_chinese_chars && (f & UNI_CJK))) {
		write_char(w, c, f, remaining);
		return;
	}
	write_blank(w, remaining);
	write_char(w, c, f, remaining);
	write_blank(w, remaining);
}

void normalize(const struct normalizer *nz, const char *text, size_t len, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	struct writer w = { .nz = nz, .out = out };
	uint32_t c;

	buf_reserve(out, len + MOST_BYTES);
	w.p = (unsigned char *)out->data + out->len;
	while (p < end) { /* there is always room for the rest of the text, were it ASCII */
		if (*p < 0x80) {
			if (w.n_waiting && nz->ascii[*p] != NORMALIZE_DROPPED)
				write_waiting(&w, (size_t)(end - p));
			do {
				*w.p = nz->ascii[*p];
				w.p += *w.p != NORMALIZE_DROPPED;
			} while (++p < end && *p < 0x80 && !w.n_waiting);
			continue;
		}
		p = utf8_next(p, &c);
		normalize_char(&w, c, (size_t)(end - p));
	}
	if (w.n_waiting)
		write_waiting(&w, 0);
	*w.p = '\0';
	out->len = (size_t)(w.p - (unsigned char *)out->data);
	free(w.waiting);
}

void normalizer_prepare(struct normalizer *nz)
{
	for (unsigned c = 0; c < 128; c++) {
		unsigned f = uni_flags(c);
		uint32_t low[2] = { c };

		if (nz->lowercase)
			uni_lower(c, low);
		nz->ascii[c] = (unsigned char)low[0];
		if (nz->clean_text && (f & UNI_DROP))
			nz->ascii[c] = NORMALIZE_DROPPED;
		else if (nz->clean_text && (f & UNI_SPACE))
			nz->ascii[c] = ' ';
	}
}
