/* The layout and the checksum of token files: see tokens_format.h. */
#include "data/tokens_format.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "data/facts.h"

#define MAX_ROWS ((int64_t)1 << 32)
#define MAX_IDS	 ((int64_t)1 << 44)
#define MAX_META ((int64_t)1 << 30)
#define WINDOW	 ((int64_t)4 << 20) /* bytes of the file that are resident while it is summed */

enum { ALIGN = 64, BLOCK = 32 };

/* Places count elements behind what was placed before. */
static int64_t put(int64_t *at, int64_t count, size_t size)
{
	int64_t here = *at;

	*at = (here + count * (int64_t)size + ALIGN - 1) / ALIGN * ALIGN;
	return here;
}

bool tokens_layout(const struct tokens_header *h, struct tokens_layout *out)
{
	int64_t at = 0;

	put(&at, 1, sizeof(*h));
	for (int s = 0; s < N_SPLITS; s++) {
		int64_t n = h->n[s];

		if (n < 0 || n > MAX_ROWS)
			return false;
		out->facts[s] = put(&at, n, sizeof(struct row_fact));
		out->starts[s] = put(&at, n, sizeof(int64_t));
		out->lengths[s] = put(&at, n, sizeof(int32_t));
		out->n_first[s] = put(&at, n, sizeof(int32_t));
		out->labels[s] = put(&at, n, sizeof(int32_t));
	}
	if (h->n_ids < 0 || h->n_ids > MAX_IDS || h->n_meta < 0 || h->n_meta > MAX_META)
		return false;
	out->ids = put(&at, h->n_ids, sizeof(int32_t));
	out->meta = at;
	out->size = at + h->n_meta;
	return true;
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void add_block(struct tokens_sum *s, const unsigned char *p)
{
	for (int i = 0; i < 4; i++) {
		uint64_t w;

		memcpy(&w, p + 8 * i, sizeof(w));
		s->lanes[i] = rotate((s->lanes[i] ^ w) * 0x9e3779b97f4a7c15u, 29);
	}
}

void tokens_sum_add(struct tokens_sum *s, const void *data, int64_t n)
{
	const unsigned char *p = data;
	unsigned char last[BLOCK] = { 0 };

	BUG_ON(s->n % BLOCK != 0);
	s->n += (uint64_t)n;
	for (; n >= BLOCK; p += BLOCK, n -= BLOCK)
		add_block(s, p);
	if (n == 0)
		return;
	memcpy(last, p, (size_t)n);
	add_block(s, last);
}

uint64_t tokens_sum_end(const struct tokens_sum *s)
{
	uint64_t sum = s->n;

	for (int i = 0; i < 4; i++) {
		sum = (sum ^ s->lanes[i]) * 0xd6e8feb86659fd93u;
		sum ^= sum >> 32;
	}
	return sum;
}

uint64_t tokens_sum_file(void *map, int64_t size)
{
	const int64_t first = offsetof(struct tokens_header, version);
	struct tokens_sum sum = { 0 };

	for (int64_t at = first; at < size; at += WINDOW) {
		int64_t n = size - at < WINDOW ? size - at : WINDOW;

		tokens_sum_add(&sum, (const char *)map + at, n);
		tokens_forget(map, at - first, at + n);
	}
	return tokens_sum_end(&sum);
}

void tokens_forget(void *map, int64_t from, int64_t to)
{
	const int64_t page = sysconf(_SC_PAGESIZE);

	from = (from + page - 1) / page * page;
	to = to / page * page;
	if (to > from)
		madvise((char *)map + from, (size_t)(to - from), MADV_DONTNEED);
}
