/* Data sets: see dataset.h. What is known of one file is survey.h's. */
#include "data/survey.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct dataset_limits dataset_default_limits = {
	.max_bytes = (int64_t)16 << 30,
	.max_rows = 20000000,
	.max_field = 1 << 20,
	.max_labels = 1000,
};

struct dataset {
	const struct dataset_spec *spec;
	const struct dataset_limits *limits;
	struct survey surveys[N_SPLITS];
	struct label_map map; /* once it is known: n > 0 */
};

/* --- every row that is taken --- */

/* A pass over the rows of one file, to give them to somebody or only to tell what is wrong. */
struct pass {
	const struct dataset *d;
	const struct survey *survey;
	struct row_faults *rf;
	dataset_taker *take; /* NULL: tell what is wrong with the labels too */
	void *ctx;
};

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

static bool unfit_texts(const struct survey *s, const struct row *row, struct row_faults *rf)
{
	bool unfit = false;

	for (int w = SURVEY_TEXT; w < s->n_wanted; w++)
		unfit |= unfit_text(&row->cells[w], s->wanted[w], row->line, rf);
	return unfit;
}

static void tell_label(const struct pass *p, const struct row *row)
{
	const struct label_map *map = &p->d->map;
	struct label label;
	int32_t class;

	if (survey_label(p->survey, &row->cells[SURVEY_LABEL], row->line, &label, p->rf) &&
	    map->n > 0)
		label_map_find(map, &label, row->line, &class, p->rf);
}

static enum err on_row(void *ctx, enum split split, int64_t place, const struct row *row,
		       struct errinfo *ei)
{
	struct pass *p = ctx;
	const struct cell *cells = row->cells;
	bool unfit = unfit_texts(p->survey, row, p->rf);

	if (!p->take)
		tell_label(p, row);
	if (!p->take || unfit || p->rf->n >= ROW_FAULTS_KEPT)
		return OK;
	struct example x = { .text = cells[SURVEY_TEXT].text,
			     .text_len = cells[SURVEY_TEXT].len,
			     .label = survey_class(p->survey, row->number),
			     .line = row->line };
	if (p->survey->n_wanted > SURVEY_PAIR) {
		x.pair = cells[SURVEY_PAIR].text;
		x.pair_len = cells[SURVEY_PAIR].len;
	}
	return p->take(p->ctx, split, place, &x, ei);
}

static enum err run_pass(struct dataset *d, struct survey *s, dataset_taker *take, void *ctx,
			 struct row_faults *rf, struct errinfo *ei)
{
	struct pass p = { d, s, rf, take, ctx };
	bool changed;
	enum err e = survey_each(s, on_row, &p, &changed, ei);

	if (e == OK && changed)
		row_faults_add(rf, "the file changed while it was read");
	return e;
}

enum err dataset_read(struct dataset *d, dataset_taker *take, void *ctx, struct faults *faults,
		      struct errinfo *ei)
{
	bool faulty = false;

	for (int i = 0; i < N_SPLITS; i++) {
		struct survey *s = &d->surveys[i];
		struct row_faults rf = { .faults = faults, .pointer = s->pointer };
		enum err e = s->chosen ? run_pass(d, s, take, ctx, &rf, ei) : OK;
		if (e != OK)
			return e;
		row_faults_end(&rf);
		faulty |= rf.n > 0;
	}
	return faulty ? err_set(ei, ERR_INVALID, "the data set is not valid") : OK;
}

/* --- opening --- */

struct opening {
	struct dataset *d;
	const char *scratch;
	dataset_opener *open;
	void *ctx;
	struct faults *faults;
	bool faulty;
	bool told[N_SPLITS]; /* what is wrong with the rows of that split */
};

static void fault(struct opening *o, const char *pointer, const char *words)
{
	faults_add(o->faults, pointer, "%s", words);
	o->faulty = true;
}

/* Finds the classes of the rows. Where the map comes from the training rows, it is made. */
static void find_classes(struct dataset *d, struct survey *s, struct row_faults *rf)
{
	if (d->map.n == 0 && s->split == SPLIT_TRAIN && s->n_class_names > 0)
		label_map_given(&d->map, s->class_names, s->n_class_names);
	if (d->map.n > 0)
		survey_classify(s, &d->map);
	else if (s->split == SPLIT_TRAIN && rf->n == 0 && survey_labels_are_good(s))
		survey_make_map(s, &d->map, rf);
}

/* Tells what is wrong with the rows. bad_label: one of them is known to have a label that is none.
 */
static enum err tell(struct opening *o, struct survey *s, bool bad_label, struct row_faults *rf,
		     struct errinfo *ei)
{
	enum err e = run_pass(o->d, s, NULL, NULL, rf, ei);

	o->told[s->split] = true;
	if (e == OK && bad_label && rf->n == 0) /* there were too many values to note them all */
		row_faults_add(rf, "more than %d different labels; is label_column the right one?",
			       o->d->limits->max_labels);
	return e;
}

static enum err run_survey(struct opening *o, struct survey *s, struct row_faults *rf,
			   struct errinfo *ei)
{
	enum err e = survey_run(s, o->scratch, rf, ei);

	if (e != OK || !s->chosen)
		return e;
	bool broken = rf->n > 0;
	find_classes(o->d, s, rf);
	bool bad_label = !survey_labels_are_good(s);
	return broken || bad_label ? tell(o, s, bad_label, rf, ei) : OK;
}

static enum err open_split(struct opening *o, enum split split, struct errinfo *ei)
{
	struct survey *s = &o->d->surveys[split];
	struct row_faults rf = { .faults = o->faults, .pointer = s->pointer };
	enum err e = o->open(o->ctx, o->d->spec->splits[split].file, &s->fd, ei);

	if (e == ERR_NOT_FOUND || e == ERR_INVALID || e == ERR_UNSUPPORTED || e == ERR_TOO_LARGE) {
		fault(o, s->pointer, ei->msg);
		return OK;
	}
	if (e != OK)
		return e;
	e = run_survey(o, s, &rf, ei);
	row_faults_end(&rf);
	o->faulty |= rf.n > 0;
	return e;
}

/* What is wrong with the texts, where something else is already known to be wrong. */
static enum err tell_the_rest(struct opening *o, struct errinfo *ei)
{
	enum err e = OK;

	for (int i = 0; i < N_SPLITS && e == OK; i++) {
		struct survey *s = &o->d->surveys[i];
		struct row_faults rf = { .faults = o->faults, .pointer = s->pointer };
		if (s->chosen && !o->told[i])
			e = tell(o, s, false, &rf, ei);
		row_faults_end(&rf);
	}
	return e;
}

/* The class that all training rows have, or -1. */
static int32_t only_class(const struct survey *s)
{
	int32_t class = -1;
	enum split split;
	int64_t place;

	for (int64_t row = 0; row < s->n_rows; row++) {
		if (!survey_takes(s, row, &split, &place) || split != SPLIT_TRAIN)
			continue;
		if (class >= 0 && survey_class(s, row) != class)
			return -1;
		class = survey_class(s, row);
	}
	return class;
}

static void check_training_rows(struct opening *o)
{
	struct dataset *d = o->d;
	const struct survey *s = &d->surveys[SPLIT_TRAIN];
	char words[160];

	if (!s->chosen) /* not given: an evaluation */
		return;
	if (dataset_n(d, SPLIT_TRAIN) <= 0) {
		fault(o, "#/dataset/validation_split", "leaves no training rows");
		return;
	}
	int32_t class = only_class(s);
	if (class < 0)
		return;
	const char *name = d->map.names[class];
	snprintf(words, sizeof(words),
		 "all training rows have the label %s; a classifier needs two",
		 EXCERPT(name, strlen(name)));
	fault(o, s->pointer, words);
}

static enum err open_all(struct opening *o, struct errinfo *ei)
{
	enum err e = OK;

	for (int s = 0; s < N_SPLITS && e == OK; s++)
		if (o->d->spec->splits[s].file)
			e = open_split(o, (enum split)s, ei);
	if (e == OK && !o->faulty)
		check_training_rows(o);
	if (e == OK && o->faulty)
		e = tell_the_rest(o, ei);
	if (e == OK && o->faulty)
		e = err_set(ei, ERR_INVALID, "the data set is not valid");
	return e;
}

enum err dataset_open(const struct dataset_spec *spec, const struct dataset_limits *limits,
		      const char *scratch, dataset_opener *open, void *ctx, struct dataset **out,
		      struct faults *faults, struct errinfo *ei)
{
	struct dataset *d = mem_zalloc(1, sizeof(*d));
	struct opening o = { d, scratch, open, ctx, faults };

	BUG_ON(!spec->splits[SPLIT_TRAIN].file && spec->n_labels == 0);
	d->spec = spec;
	d->limits = limits;
	for (int s = 0; s < N_SPLITS; s++)
		survey_init(&d->surveys[s], (enum split)s, spec, limits);
	if (spec->n_labels > 0)
		label_map_given(&d->map, spec->labels, spec->n_labels);
	enum err e = open_all(&o, ei);
	*out = e == OK ? d : NULL;
	if (e != OK)
		dataset_close(d);
	return e;
}

void dataset_close(struct dataset *d)
{
	if (!d)
		return;
	for (int s = 0; s < N_SPLITS; s++)
		survey_clear(&d->surveys[s]);
	label_map_clear(&d->map);
	free(d);
}

int64_t dataset_n(const struct dataset *d, enum split s)
{
	const struct survey *train = &d->surveys[SPLIT_TRAIN];

	if (s == SPLIT_TRAIN)
		return train->n - train->n_validation;
	if (s == SPLIT_VALIDATION && train->n_validation > 0)
		return train->n_validation;
	return d->surveys[s].n;
}

int dataset_n_labels(const struct dataset *d)
{
	return d->map.n;
}

char *const *dataset_labels(const struct dataset *d)
{
	return d->map.names;
}

/* --- a file without a job --- */

static enum err count_rows(struct rows *rows, struct row_faults *rf, int64_t *n, struct errinfo *ei)
{
	const struct row *row;
	enum err e = rows_next(rows, rf, &row, ei);

	for (*n = 0; e == OK && row; ++*n)
		e = rows_next(rows, rf, &row, ei);
	return e;
}

enum err dataset_probe(int fd, const struct dataset_limits *limits, struct dataset_outline *out,
		       struct faults *faults, struct errinfo *ei)
{
	struct row_faults rf = { .faults = faults, .pointer = "#" };
	struct rows *rows;
	enum err e = rows_open(fd, NULL, 0, limits, &rf, &rows, ei);

	*out = (struct dataset_outline){ .rows = 0 };
	if (e == OK)
		e = count_rows(rows, &rf, &out->rows, ei);
	row_faults_end(&rf);
	if (e == OK && rf.n > 0)
		e = err_set(ei, ERR_INVALID, "the file is not valid");
	if (e == OK) {
		out->format = rows_format(rows);
		out->columns = json_array();
		for (int i = 0; i < rows_n_columns(rows); i++)
			json_array_append_new(out->columns, json_string(rows_columns(rows)[i]));
	}
	rows_close(rows);
	return e;
}
