/* See loaded.h. */
#include "data/loaded.h"

#include "base/mem.h"
#include "data/arena.h"

#include <stdlib.h>
#include <string.h>

static enum err keep(void *ctx, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei)
{
	struct loaded *l = ctx;
	struct example *to = &l->examples[s][place];

	(void)ei;
	*to = *x;
	to->text = arena_copy(l->arena, x->text, x->text_len);
	if (x->pair)
		to->pair = arena_copy(l->arena, x->pair, x->pair_len);
	return OK;
}

static void prepare(struct loaded *l, const struct dataset *d)
{
	l->n_labels = dataset_n_labels(d);
	l->labels = mem_zalloc((size_t)l->n_labels, sizeof(*l->labels));
	for (int i = 0; i < l->n_labels; i++) {
		const char *name = dataset_labels(d)[i];
		l->labels[i] = arena_copy(l->arena, name, strlen(name));
	}
	for (int s = 0; s < N_SPLITS; s++) {
		l->n[s] = dataset_n(d, (enum split)s);
		l->examples[s] = mem_zalloc((size_t)l->n[s], sizeof(*l->examples[s]));
	}
}

enum err dataset_load(const struct dataset_spec *spec, const struct dataset_limits *limits,
		      dataset_opener *open, void *ctx, struct loaded *out, struct faults *faults,
		      struct errinfo *ei)
{
	struct dataset *d;
	enum err e = dataset_open(spec, limits, NULL, open, ctx, &d, faults, ei);

	*out = (struct loaded){ .arena = arena_new() };
	if (e == OK) {
		prepare(out, d);
		e = dataset_read(d, keep, out, faults, ei);
	}
	dataset_close(d);
	if (e != OK)
		loaded_clear(out);
	return e;
}

void loaded_clear(struct loaded *l)
{
	for (int s = 0; s < N_SPLITS; s++)
		free(l->examples[s]);
	free(l->labels);
	arena_free(l->arena);
	*l = (struct loaded){ 0 };
}
