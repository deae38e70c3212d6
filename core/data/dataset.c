/* Loading a data set: see dataset.h. */
#include "data/dataset.h"

#include "base/buf.h"
#include "base/mem.h"
#include "data/arena.h"
#include "data/labels.h"
#include "data/sample.h"
#include "data/table.h"
#include "data/textset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct dataset_limits dataset_default_limits = {
	.max_bytes = (int64_t)2 << 30,
	.max_rows = 5000000,
	.max_field = 1 << 20,
	.max_labels = 1000,
};

/* The wanted columns of every table. */
enum { TEXT, LABEL, PAIR };

struct loading {
	const struct dataset_spec *spec;
	const struct dataset_limits *limits;
	struct dataset *out;
	struct faults *faults;
	struct textset seen;  /* labels of the training rows, where the spec names none */
	struct label_map map; /* once it is known: n > 0 */
	bool faulty;
};

static void fault(struct loading *l, const char *pointer, const char *words)
{
	faults_add(l->faults, pointer, "%s", words);
	l->faulty = true;
}

/* Faults the wanted columns that the file lacks, naming those that it has. */
static bool columns_are_there(const struct table *t, const char *const *wanted, enum split s,
			      struct row_faults *rf)
{
	static const char *const members[] = { [TEXT] = "#/dataset/text_column",
					       [LABEL] = "#/dataset/label_column",
					       [PAIR] = "#/dataset/text_pair_column" };
	bool ok = true;

	for (int w = 0; w < t->n_wanted; w++) {
		struct buf list = { 0 };
		if (t->columns_of[w] >= 0)
			continue;
		for (int i = 0; i < t->n_columns && i < 12; i++)
			buf_printf(&list, "%s%s", i ? ", " : "",
				   EXCERPT(t->columns[i], strlen(t->columns[i])));
		const char *near = nearest_name(t->columns, t->n_columns, wanted[w]);
		row_faults_add_at(
			rf, members[w], "the %s file has no column %s; its columns are %s%s%s%s%s",
			split_names[s], EXCERPT(wanted[w], strlen(wanted[w])),
			list.data ? list.data : "none", t->n_columns > 12 ? " and more" : "",
			near ? "; did you mean " : "", near ? EXCERPT(near, strlen(near)) : "",
			near ? "?" : "");
		buf_clear(&list);
		ok = false;
	}
	return ok;
}

/* Whether the split has every row of its file, in the order of the file. */
static bool takes_all(const struct split_spec *split)
{
	return split->sample < 0 && split->first == 0 && split->last < 0;
}

static bool can_pick(const struct split_spec *split, int64_t n_rows, struct row_faults *rf)
{
	int64_t n = split->sample >= 0 ? split->sample : n_rows;
	char at[FIELDS_POINTER_SIZE];

	if (n_rows == 0)
		row_faults_add(rf, "the file has no rows");
	else if (split->sample > n_rows)
		row_faults_add_at(rf, fields_pointer(rf->pointer, "sample", at),
				  "asks for %" PRId64 " rows, the file has %" PRId64, split->sample,
				  n_rows);
	else if (split->first >= n || split->last > n ||
		 (split->last >= 0 && split->last <= split->first))
		row_faults_add_at(rf, fields_pointer(rf->pointer, "rows", at),
				  "asks for [%" PRId64 ", %" PRId64 ") of %" PRId64 " rows",
				  split->first, split->last < 0 ? n : split->last, n);
	else
		return true;
	return false;
}

/* The rows of the table that make up the split, in its order. can_pick() holds. */
static int64_t *pick(const struct split_spec *split, int64_t n_rows, int64_t *n)
{
	int64_t *order = mem_alloc((size_t)n_rows * sizeof(*order));
	int64_t end = split->sample >= 0 ? split->sample : n_rows;

	if (split->sample >= 0)
		sample_permutation((uint32_t)split->random_state, n_rows, order);
	else
		for (int64_t i = 0; i < n_rows; i++)
			order[i] = i;
	*n = (split->last < 0 ? end : split->last) - split->first;
	memmove(order, order + split->first, (size_t)*n * sizeof(*order));
	return order;
}

/* What is wrong with a text, or false. */
static bool unfit_text(const struct cell *cell, const char *column, int64_t line,
		       struct row_faults *rf)
{
	const char *name = EXCERPT(column, strlen(column));

	if (cell->kind == CELL_BARE || cell->kind == CELL_STRING)
		return false;
	if (cell->kind == CELL_MISSING)
		row_faults_add(rf, "line %" PRId64 ": %s is missing", line, name);
	else
		row_faults_add(rf, "line %" PRId64 ": %s is %s, not a string", line, name,
			       cell_kind_words(cell->kind));
	return true;
}

static void take_texts(struct loading *l, const struct table *t, int64_t row, struct example *x,
		       struct row_faults *rf)
{
	const struct cell *text = table_cell(t, row, TEXT);
	const struct cell *pair = t->n_wanted > PAIR ? table_cell(t, row, PAIR) : NULL;
	bool unfit = unfit_text(text, l->spec->text_column, x->line, rf);

	if (pair)
		unfit |= unfit_text(pair, l->spec->text_pair_column, x->line, rf);
	if (unfit)
		return;
	x->text = text->text;
	x->text_len = text->len;
	if (pair) {
		x->pair = pair->text;
		x->pair_len = pair->len;
	}
}

/* The number of a label among those seen so far. */
static int64_t note_label(struct loading *l, const struct label *label)
{
	struct text_key key = label_key(label);
	int64_t known = textset_find(&l->seen, &key);

	if (known >= 0)
		return known;
	key.text = arena_copy(l->out->arena, key.text, key.text_len);
	return textset_add(&l->seen, &key);
}

/* The class of the row; for training rows without a map yet, the number of the label in seen. */
static void take_label(struct loading *l, enum split s, const struct cell *cell, bool numbers,
		       struct example *x, struct row_faults *rf)
{
	struct label label;

	if (!label_read(cell, numbers, x->line, &label, rf))
		return;
	if (l->map.n > 0)
		label_map_find(&l->map, &label, x->line, &x->label, rf);
	else if (s == SPLIT_TRAIN && l->seen.n <= l->limits->max_labels)
		x->label = (int32_t)note_label(l, &label);
}

/* Names the classes after the labels of the training rows. */
static void map_from_train(struct loading *l, struct example *rows, int64_t n, bool numbers,
			   struct row_faults *rf)
{
	if (l->seen.n > l->limits->max_labels) {
		row_faults_add(rf, "more than %d different labels; is label_column the right one?",
			       l->limits->max_labels);
		return;
	}
	int32_t *order = mem_zalloc((size_t)l->seen.n, sizeof(*order));
	if (label_map_from_train(&l->map, &l->seen, numbers, order, rf))
		for (int64_t i = 0; i < n; i++)
			rows[i].label = order[rows[i].label];
	free(order);
}

/* Makes the arena of the data set own the texts of the rows. */
static void keep_texts(struct loading *l, const struct split_spec *split, struct table *t,
		       struct example *rows, int64_t n)
{
	struct arena *arena = l->out->arena;

	if (takes_all(split)) {
		arena_join(arena, t->arena);
		t->arena = NULL;
		return;
	}
	for (int64_t i = 0; i < n; i++) {
		rows[i].text = arena_copy(arena, rows[i].text, rows[i].text_len);
		if (rows[i].pair)
			rows[i].pair = arena_copy(arena, rows[i].pair, rows[i].pair_len);
	}
}

/* Fills the split from a table that has all wanted columns. */
static void take_rows(struct loading *l, enum split s, struct table *t, struct row_faults *rf)
{
	const struct split_spec *split = &l->spec->splits[s];
	bool numbers = labels_are_numbers(t, LABEL);
	int64_t n, *picked = pick(split, t->n_rows, &n);
	struct example *rows = mem_zalloc((size_t)n, sizeof(*rows));

	for (int64_t i = 0; i < n; i++) {
		rows[i].line = t->lines[picked[i]];
		take_texts(l, t, picked[i], &rows[i], rf);
		take_label(l, s, table_cell(t, picked[i], LABEL), numbers, &rows[i], rf);
	}
	free(picked);
	if (s == SPLIT_TRAIN && l->map.n == 0 && rf->n == 0)
		map_from_train(l, rows, n, numbers, rf);
	if (rf->n == 0)
		keep_texts(l, split, t, rows, n);
	l->out->examples[s] = rows;
	l->out->n[s] = n;
}

static enum err read_split(struct loading *l, enum split s, int fd, struct row_faults *rf,
			   struct errinfo *ei)
{
	const struct dataset_spec *spec = l->spec;
	const struct split_spec *split = &spec->splits[s];
	const char *wanted[] = { [TEXT] = spec->text_column,
				 [LABEL] = spec->label_column,
				 [PAIR] = spec->text_pair_column };
	struct table t;
	enum err e = table_read(fd, wanted, wanted[PAIR] ? 3 : 2, l->limits, &t, rf, ei);
	bool broken = rf->n > 0;

	/* Which rows a choice hits is known only where the whole file could be read. */
	if (e == OK && (t.n_columns > 0 || !broken) && columns_are_there(&t, wanted, s, rf) &&
	    !(broken && (t.n_rows == 0 || !takes_all(split))) && can_pick(split, t.n_rows, rf))
		take_rows(l, s, &t, rf);
	table_clear(&t);
	return e;
}

static enum err load_split(struct loading *l, enum split s, dataset_opener *open, void *ctx,
			   struct errinfo *ei)
{
	char pointer[FIELDS_POINTER_SIZE];
	int fd = -1;
	enum err e = open(ctx, l->spec->splits[s].file, &fd, ei);
	struct row_faults rf = { .faults = l->faults,
				 .pointer = fields_pointer("#/dataset", split_names[s], pointer) };

	if (e == ERR_NOT_FOUND || e == ERR_INVALID || e == ERR_UNSUPPORTED || e == ERR_TOO_LARGE) {
		fault(l, pointer, ei->msg);
		return OK;
	}
	if (e != OK)
		return e;
	e = read_split(l, s, fd, &rf, ei);
	close(fd);
	row_faults_end(&rf);
	l->faulty |= rf.n > 0;
	return e;
}

/* Moves a share of the training rows to the validation split. */
static void split_validation(struct loading *l)
{
	struct dataset *d = l->out;
	int64_t n = d->n[SPLIT_TRAIN], n_test = sample_test_size(n, l->spec->validation_split);

	if (n_test >= n) {
		fault(l, "#/dataset/validation_split", "leaves no training rows");
		return;
	}
	struct example *all = d->examples[SPLIT_TRAIN];
	struct example *train = mem_alloc((size_t)(n - n_test) * sizeof(*train));
	struct example *validation = mem_alloc((size_t)n_test * sizeof(*validation));
	int64_t *order = mem_alloc((size_t)n * sizeof(*order));
	sample_permutation((uint32_t)l->spec->seed, n, order);
	for (int64_t i = 0; i < n; i++)
		*(i < n_test ? &validation[i] : &train[i - n_test]) = all[order[i]];
	free(order);
	free(all);
	d->examples[SPLIT_TRAIN] = train;
	d->n[SPLIT_TRAIN] = n - n_test;
	d->examples[SPLIT_VALIDATION] = validation;
	d->n[SPLIT_VALIDATION] = n_test;
}

static void check_classes(struct loading *l)
{
	const struct example *rows = l->out->examples[SPLIT_TRAIN];
	int64_t n = l->out->n[SPLIT_TRAIN], i = 1;
	char words[160];

	if (n == 0) /* not given: an evaluation */
		return;
	while (i < n && rows[i].label == rows[0].label)
		i++;
	if (i < n)
		return;
	const char *name = l->map.names[rows[0].label];
	snprintf(words, sizeof(words),
		 "all training rows have the label %s; a classifier needs two",
		 EXCERPT(name, strlen(name)));
	fault(l, "#/dataset/train", words);
}

/* Gives the names of the classes to the data set. */
static void take_names(struct loading *l)
{
	l->out->labels = l->map.names;
	l->out->n_labels = l->map.n;
	l->map.names = NULL;
	l->map.n = 0;
}

static enum err load_all(struct loading *l, dataset_opener *open, void *ctx, struct errinfo *ei)
{
	for (int s = 0; s < N_SPLITS; s++) {
		enum err e =
			l->spec->splits[s].file ? load_split(l, (enum split)s, open, ctx, ei) : OK;
		if (e != OK)
			return e;
	}
	if (!l->faulty && l->spec->validation_split > 0)
		split_validation(l);
	if (!l->faulty)
		check_classes(l);
	if (l->faulty)
		return err_set(ei, ERR_INVALID, "the data set is not valid");
	take_names(l);
	return OK;
}

enum err dataset_load(const struct dataset_spec *spec, const struct dataset_limits *limits,
		      dataset_opener *open, void *ctx, struct dataset *out, struct faults *faults,
		      struct errinfo *ei)
{
	struct loading l = { .spec = spec, .limits = limits, .out = out, .faults = faults };

	BUG_ON(!spec->splits[SPLIT_TRAIN].file && spec->n_labels == 0);
	*out = (struct dataset){ .arena = arena_new() };
	textset_init(&l.seen);
	if (spec->n_labels > 0)
		label_map_given(&l.map, spec->labels, spec->n_labels);
	enum err e = load_all(&l, open, ctx, ei);
	if (e != OK)
		dataset_clear(out);
	label_map_clear(&l.map);
	textset_clear(&l.seen);
	return e;
}

void dataset_clear(struct dataset *d)
{
	for (int s = 0; s < N_SPLITS; s++)
		free(d->examples[s]);
	for (int i = 0; i < d->n_labels; i++)
		free(d->labels[i]);
	free(d->labels);
	arena_free(d->arena);
	*d = (struct dataset){ 0 };
}

enum err dataset_probe(int fd, const struct dataset_limits *limits, int64_t *rows, json_t **columns,
		       struct faults *faults, struct errinfo *ei)
{
	struct row_faults rf = { .faults = faults, .pointer = "#" };
	struct table t;
	enum err e = table_read(fd, NULL, 0, limits, &t, &rf, ei);

	row_faults_end(&rf);
	if (e == OK && rf.n > 0)
		e = err_set(ei, ERR_INVALID, "the file is not valid");
	if (e == OK) {
		*rows = t.n_rows;
		*columns = json_array();
		for (int i = 0; i < t.n_columns; i++)
			json_array_append_new(*columns, json_string(t.columns[i]));
	}
	table_clear(&t);
	return e;
}
