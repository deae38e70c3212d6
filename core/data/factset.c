/* Rows by the hash of their text: see factset.h. */
#include "data/factset.h"

#include "base/err.h"
#include "base/mem.h"

struct factset_slot {
	uint32_t row_and_1; /* row + 1; 0: free */
	uint32_t marked : 1;
	uint32_t tag : 31; /* bits of the hash that do not choose the slot, so that a stranger is
			      passed by without a look at its fact */
};

void factset_init(struct factset *s, const struct row_fact *facts, int64_t n)
{
	BUG_ON(n < 0 || n >= UINT32_MAX);
	*s = (struct factset){ .facts = facts, .n_slots = 1 };
	while (s->n_slots < 2 * (uint64_t)n)
		s->n_slots *= 2;
	s->slots = mem_map(s->n_slots * sizeof(*s->slots));
}

void factset_clear(struct factset *s)
{
	mem_unmap(s->slots, s->n_slots * sizeof(*s->slots));
	*s = (struct factset){ 0 };
}

static uint32_t tag_of(const struct row_fact *f)
{
	return (uint32_t)(f->hash[1] >> 33);
}

static bool holds(const struct factset *s, const struct factset_slot *slot,
		  const struct row_fact *f)
{
	const struct row_fact *first = &s->facts[slot->row_and_1 - 1];

	return slot->tag == tag_of(f) && first->hash[0] == f->hash[0] &&
	       first->hash[1] == f->hash[1];
}

/* The slot of the text, or the free one where it belongs. */
static struct factset_slot *slot_of(const struct factset *s, const struct row_fact *f)
{
	uint64_t mask = s->n_slots - 1, i = f->hash[0] & mask;

	while (s->slots[i].row_and_1 && !holds(s, &s->slots[i], f))
		i = (i + 1) & mask;
	return &s->slots[i];
}

int64_t factset_add(struct factset *s, int64_t row)
{
	const struct row_fact *f = &s->facts[row];
	struct factset_slot *slot = slot_of(s, f);

	if (!slot->row_and_1) {
		BUG_ON(2 * ++s->n_texts > s->n_slots);
		slot->row_and_1 = (uint32_t)row + 1;
		slot->tag = tag_of(f);
	}
	return slot->row_and_1 - 1;
}

int64_t factset_find(const struct factset *s, const struct row_fact *fact)
{
	return (int64_t)slot_of(s, fact)->row_and_1 - 1;
}

bool factset_mark(struct factset *s, const struct row_fact *fact)
{
	struct factset_slot *slot = slot_of(s, fact);
	bool marked = slot->marked;

	BUG_ON(!slot->row_and_1);
	slot->marked = 1;
	return marked;
}
