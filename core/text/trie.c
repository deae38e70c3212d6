/* The building of a double-array trie: see trie.h. Knows nothing of tokens. */
#include "text/trie.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK \
	256 /* a node's children lie within one block, since base XOR byte changes the low 8 bits \
	       only */
#define BLOCKS_TRIED 8	  /* open blocks that are searched before a new one is added */
#define FREE	     (-1) /* parent of a place without a node */
#define NO_PARENT    (-2) /* parent of the root */

/* A node whose children are not placed yet: its keys are keys[lo, hi), equal in their first depth
 * bytes. */
struct task {
	int32_t node;
	size_t lo, hi, depth;
};

struct builder {
	struct trie *t;
	const struct trie_key *keys;
	struct task *tasks;
	size_t n_tasks, cap_tasks;
	uint32_t *open; /* blocks with free places */
	size_t n_open, cap_open;
	uint16_t *n_free; /* for each block */
};

static int compare_keys(const void *pa, const void *pb)
{
	const struct trie_key *a = pa, *b = pb;
	int r = memcmp(a->s, b->s, a->len < b->len ? a->len : b->len);

	if (r)
		return r;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return (a->value > b->value) - (a->value < b->value);
}

static uint32_t add_block(struct builder *b)
{
	uint32_t block = b->t->n / BLOCK;

	b->t->nodes = mem_resize(b->t->nodes, b->t->n + BLOCK, sizeof *b->t->nodes);
	for (uint32_t i = 0; i < BLOCK; i++)
		b->t->nodes[b->t->n + i] = (struct trie_node){ .parent = FREE, .value = -1 };
	b->t->n += BLOCK;
	b->n_free = mem_resize(b->n_free, block + 1, sizeof *b->n_free);
	b->n_free[block] = BLOCK;
	if (b->n_open == b->cap_open) {
		b->cap_open = b->cap_open ? 2 * b->cap_open : 64;
		b->open = mem_resize(b->open, b->cap_open, sizeof *b->open);
	}
	b->open[b->n_open++] = block;
	return block;
}

static bool fits(const struct trie *t, uint32_t base, const unsigned char *bytes, int n)
{
	for (int i = 0; i < n; i++)
		if (t->nodes[base ^ bytes[i]].parent != FREE)
			return false;
	return true;
}

/* A base in the block under which all bytes are free; false when there is none. */
static bool base_in_block(const struct builder *b, uint32_t block, const unsigned char *bytes,
			  int n, uint32_t *base)
{
	if (b->n_free[block] < n)
		return false;
	for (uint32_t low = 0; low < BLOCK; low++) {
		*base = block * BLOCK + low;
		if (fits(b->t, *base, bytes, n))
			return true;
	}
	return false;
}

static uint32_t find_base(struct builder *b, const unsigned char *bytes, int n)
{
	size_t oldest = b->n_open > BLOCKS_TRIED ? b->n_open - BLOCKS_TRIED : 0;
	uint32_t base;

	for (size_t i = oldest; i < b->n_open; i++)
		if (base_in_block(b, b->open[i], bytes, n, &base))
			return base;
	return add_block(b) * BLOCK;
}

static void take_place(struct builder *b, uint32_t place, int32_t parent)
{
	uint32_t block = place / BLOCK;

	b->t->nodes[place].parent = parent;
	if (--b->n_free[block])
		return;
	for (size_t i = b->n_open; i-- > 0;) {
		if (b->open[i] == block) {
			memmove(b->open + i, b->open + i + 1, (--b->n_open - i) * sizeof *b->open);
			return;
		}
	}
}

static void push_task(struct builder *b, struct task task)
{
	if (b->n_tasks == b->cap_tasks) {
		b->cap_tasks = b->cap_tasks ? 2 * b->cap_tasks : 256;
		b->tasks = mem_resize(b->tasks, b->cap_tasks, sizeof *b->tasks);
	}
	b->tasks[b->n_tasks++] = task;
}

/* Places the children of one node and leaves a task for each. */
static void place_children(struct builder *b, struct task task)
{
	const struct trie_key *keys = b->keys;
	unsigned char bytes[BLOCK];
	size_t lo[BLOCK + 1];
	int n = 0;

	for (; task.lo < task.hi && keys[task.lo].len == task.depth;
	     task.lo++) /* equal ones: the last stays */
		b->t->nodes[task.node].value = keys[task.lo].value;
	for (size_t i = task.lo; i < task.hi; i++) {
		unsigned char c = (unsigned char)keys[i].s[task.depth];
		if (n && bytes[n - 1] == c)
			continue;
		bytes[n] = c;
		lo[n++] = i;
	}
	if (!n)
		return;
	lo[n] = task.hi;
	uint32_t base = find_base(b, bytes, n);
	b->t->nodes[task.node].base = base;
	for (int i = 0; i < n; i++) {
		take_place(b, base ^ bytes[i], task.node);
		push_task(b, (struct task){ (int32_t)(base ^ bytes[i]), lo[i], lo[i + 1],
					    task.depth + 1 });
	}
}

void trie_build(struct trie *t, struct trie_key *keys, size_t n)
{
	struct builder b = { .t = t, .keys = keys };
	size_t n_empty = 0;

	*t = (struct trie){ 0 };
	if (n)
		qsort(keys, n, sizeof *keys, compare_keys);
	while (n_empty < n && keys[n_empty].len == 0)
		n_empty++;
	add_block(&b);
	take_place(&b, TRIE_ROOT, NO_PARENT);
	push_task(&b, (struct task){ TRIE_ROOT, n_empty, n, 0 });
	while (b.n_tasks)
		place_children(&b, b.tasks[--b.n_tasks]);
	free(b.tasks);
	free(b.open);
	free(b.n_free);
}

void trie_clear(struct trie *t)
{
	free(t->nodes);
	*t = (struct trie){ 0 };
}

int32_t trie_walk(const struct trie *t, const char *s, size_t len)
{
	int32_t node = TRIE_ROOT;

	for (size_t i = 0; i < len && node != TRIE_NONE; i++)
		node = trie_step(t, node, (unsigned char)s[i]);
	return node;
}

int32_t trie_get(const struct trie *t, const char *s, size_t len)
{
	int32_t node = trie_walk(t, s, len);

	return node == TRIE_NONE || len == 0 ? -1 : t->nodes[node].value;
}
