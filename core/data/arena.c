/* The string arena: see arena.h. */
#include "data/arena.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (256 * 1024)

struct block {
	struct block *next;
	size_t used, size;
	char bytes[];
};

struct arena {
	struct block *blocks; /* the first one is being filled */
};

struct arena *arena_new(void)
{
	return mem_zalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static struct block *block_new(size_t size)
{
	struct block *b = mem_alloc(sizeof(*b) + size);

	*b = (struct block){ .size = size };
	return b;
}

/* A block with room for n bytes. A large string gets its own, behind the one that is being filled.
 */
static struct block *room(struct arena *a, size_t n)
{
	struct block *first = a->blocks;

	if (first && first->size - first->used >= n)
		return first;
	if (first && n > BLOCK_BYTES / 4) {
		struct block *own = block_new(n);
		own->next = first->next;
		first->next = own;
		return own;
	}
	a->blocks = block_new(n > BLOCK_BYTES ? n : BLOCK_BYTES);
	a->blocks->next = first;
	return a->blocks;
}

char *arena_copy(struct arena *a, const void *data, size_t n)
{
	struct block *b = room(a, n + 1);
	char *copy = b->bytes + b->used;

	if (n)
		memcpy(copy, data, n);
	copy[n] = '\0';
	b->used += n + 1;
	return copy;
}
