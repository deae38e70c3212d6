/* The files of a data set: see survey.h. */
#include "data/survey.h"

#include "base/buf.h"
#include "base/mem.h"
#include "data/sample.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS_SHOWN	  12
#define ROWS_A_FORGETTING (1 << 20) /* how often a pass lets go of what it has read */

void survey_init(struct survey *s, enum split split, const struct dataset_spec *spec,
		 const struct dataset_limits *limits)
{
	*s = (struct survey){ .split = split, .spec = spec, .limits = limits, .fd = -1 };
	s->wanted[SURVEY_LABEL] = spec->label_column;
	s->wanted[SURVEY_TEXT] = spec->text_column;
	s->wanted[SURVEY_PAIR] = spec->text_pair_column;
	s->n_wanted = spec->text_pair_column ? 3 : 2;
	fields_pointer("#/dataset", split_names[split], s->pointer);
	textset_init(&s->known);
	s->texts = arena_new();
}

void survey_clear(struct survey *s)
{
	if (s->fd >= 0)
		close(s->fd);
	spool_close(&s->values);
	spool_close(&s->places);
	textset_clear(&s->known);
	free(s->kinds);
	free(s->classes);
	free(s->class_names);
	arena_free(s->texts);
	*s = (struct survey){ .fd = -1 };
}

/* --- the survey --- */

/* Faults the wanted columns that the file lacks, naming those that it has. */
static bool columns_are_there(const struct survey *s, const struct rows *rows,
			      struct row_faults *rf)
{
	static const char *const members[] = { [SURVEY_TEXT] = "#/dataset/text_column",
					       [SURVEY_LABEL] = "#/dataset/label_column",
					       [SURVEY_PAIR] = "#/dataset/text_pair_column" };
	static const int order[] = { SURVEY_TEXT, SURVEY_LABEL, SURVEY_PAIR };
	char *const *columns = rows_columns(rows);
	int n = rows_n_columns(rows);
	bool ok = true;

	for (int k = 0; k < s->n_wanted; k++) {
		const char *wanted = s->wanted[order[k]];
		struct buf list = { 0 };
		if (rows_column_of(rows, order[k]) >= 0)
			continue;
		for (int i = 0; i < n && i < COLUMNS_SHOWN; i++)
			buf_printf(&list, "%s%s", i ? ", " : "",
				   EXCERPT(columns[i], strlen(columns[i])));
		const char *near = nearest_name(columns, n, wanted);
		row_faults_add_at(rf, members[order[k]],
				  "the %s file has no column %s; its columns are %s%s%s%s%s",
				  split_names[s->split], EXCERPT(wanted, strlen(wanted)),
				  list.data ? list.data : "none",
				  n > COLUMNS_SHOWN ? " and more" : "",
				  near ? "; did you mean " : "",
				  near ? EXCERPT(near, strlen(near)) : "", near ? "?" : "");
		buf_clear(&list);
		ok = false;
	}
	return ok;
}

/* Opens the file for the survey: with all columns, so that they are known to be there and of types
 * that can be read. *rows is NULL where that faults. */
static enum err open_rows(struct survey *s, struct row_faults *rf, struct rows **rows,
			  struct errinfo *ei)
{
	enum err e = rows_open(s->fd, s->wanted, s->n_wanted, s->limits, rf, rows, ei);

	if (e != OK)
		return e == ERR_INVALID ? OK : e;
	survey_note_class_names(s, *rows, rf);
	if (rows_format(*rows) != ROWS_PARQUET)
		return OK;
	/* Its columns can be read one by one: the label is the first of the wanted ones. */
	bool there = columns_are_there(s, *rows, rf);
	rows_close(*rows);
	*rows = NULL;
	if (there)
		e = rows_open(s->fd, s->wanted, SURVEY_LABEL + 1, s->limits, rf, rows, ei);
	return e == ERR_INVALID ? OK : e;
}

static enum err note_rows(struct survey *s, struct rows *rows, struct row_faults *rf,
			  struct errinfo *ei)
{
	const struct row *row;
	enum err e = rows_next(rows, rf, &row, ei);

	while (e == OK && row) {
		e = survey_note_label(s, &row->cells[SURVEY_LABEL], ei);
		s->n_rows++;
		if (e == OK)
			e = rows_next(rows, rf, &row, ei);
	}
	return e;
}

/* Whether the split has every row of its file, in the order of the file. */
static bool takes_all(const struct split_spec *split)
{
	return split->sample < 0 && split->first == 0 && split->last < 0;
}

static bool can_choose(const struct split_spec *split, int64_t n_rows, struct row_faults *rf)
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

/* A spool with the numbers 0 … n-1 in the order of that seed. */
static enum err permute(struct spool *s, const char *scratch, int64_t seed, int64_t n,
			struct errinfo *ei)
{
	enum err e = spool_open(s, scratch, ei);

	if (e == OK)
		e = spool_resize(s, n * (int64_t)sizeof(uint32_t), ei);
	if (e == OK)
		sample_permutation((uint32_t)seed, n, (uint32_t *)s->data);
	return e;
}

/* Gives the rows their places. sample and shuffle are closed where the order of the file stays. */
static void fill_places(struct survey *s, const struct spool *sample, const struct spool *shuffle)
{
	const uint32_t *sampled = (const uint32_t *)sample->data;
	const uint32_t *shuffled = (const uint32_t *)shuffle->data;
	uint32_t *places = (uint32_t *)s->places.data;

	for (int64_t place = 0; place < s->n; place++) {
		int64_t at = s->first + (shuffled ? shuffled[place] : place);
		places[sampled ? sampled[at] : at] = (uint32_t)place + 1;
	}
}

static enum err choose(struct survey *s, const char *scratch, struct errinfo *ei)
{
	const struct split_spec *split = &s->spec->splits[s->split];
	double share = s->split == SPLIT_TRAIN ? s->spec->validation_split : 0;
	int64_t end = split->sample >= 0 ? split->sample : s->n_rows;
	struct spool sample = { 0 }, shuffle = { 0 };
	enum err e = OK;

	s->first = split->first;
	s->n = (split->last < 0 ? end : split->last) - split->first;
	s->n_validation = share > 0 ? sample_test_size(s->n, share) : 0;
	if (split->sample < 0 && share <= 0)
		return OK;
	if (split->sample >= 0)
		e = permute(&sample, scratch, split->random_state, s->n_rows, ei);
	if (e == OK && share > 0)
		e = permute(&shuffle, scratch, s->spec->seed, s->n, ei);
	if (e == OK)
		e = spool_open(&s->places, scratch, ei);
	if (e == OK)
		e = spool_resize(&s->places, s->n_rows * (int64_t)sizeof(uint32_t), ei);
	if (e == OK)
		fill_places(s, &sample, &shuffle);
	spool_close(&sample);
	spool_close(&shuffle);
	return e;
}

static enum err read_rows(struct survey *s, struct rows *rows, const char *scratch,
			  struct row_faults *rf, struct errinfo *ei)
{
	enum err e = note_rows(s, rows, rf, ei);
	bool broken = rf->n > 0;

	if (e != OK || (rows_n_columns(rows) == 0 && broken))
		return e;
	if (rows_format(rows) != ROWS_PARQUET && !columns_are_there(s, rows, rf))
		return OK;
	/* Which rows a choice hits is known only where the whole file could be read. */
	const struct split_spec *split = &s->spec->splits[s->split];
	if ((broken && (s->n_rows == 0 || !takes_all(split))) || !can_choose(split, s->n_rows, rf))
		return OK;
	survey_judge_values(s);
	s->chosen = true;
	return choose(s, scratch, ei);
}

enum err survey_run(struct survey *s, const char *scratch, struct row_faults *rf,
		    struct errinfo *ei)
{
	struct rows *rows = NULL;
	enum err e = spool_open(&s->values, scratch, ei);

	if (e == OK && fstat(s->fd, &s->stat) != 0)
		e = err_set(ei, ERR_IO, "reading the file failed");
	if (e == OK)
		e = open_rows(s, rf, &rows, ei);
	if (e == OK && rows)
		e = read_rows(s, rows, scratch, rf, ei);
	rows_close(rows);
	return e;
}

/* --- the rows that are taken --- */

bool survey_takes(const struct survey *s, int64_t row, enum split *split, int64_t *place)
{
	if (s->places.open)
		*place = (int64_t)((const uint32_t *)s->places.data)[row] - 1;
	else
		*place = row - s->first;
	if (*place < 0 || *place >= s->n)
		return false;
	*split = s->split;
	if (s->n_validation > 0 && *place < s->n_validation)
		*split = SPLIT_VALIDATION;
	else
		*place -= s->n_validation;
	return true;
}

static bool same_file(const struct survey *s)
{
	struct stat now;

	return fstat(s->fd, &now) == 0 && now.st_size == s->stat.st_size &&
	       now.st_mtim.tv_sec == s->stat.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == s->stat.st_mtim.tv_nsec;
}

static enum err take_rows(struct survey *s, struct rows *rows, survey_taker *fn, void *ctx,
			  struct row_faults *rf, int64_t *n, struct errinfo *ei)
{
	const struct row *row;
	enum split split;
	int64_t place;
	enum err e = rows_next(rows, rf, &row, ei);

	for (*n = 0; e == OK && row && *n < s->n_rows; ++*n) {
		if (survey_takes(s, *n, &split, &place))
			e = fn(ctx, split, place, row, ei);
		if (*n % ROWS_A_FORGETTING == 0) {
			spool_forget(&s->values);
			spool_forget(&s->places);
		}
		if (e == OK)
			e = rows_next(rows, rf, &row, ei);
	}
	*n += e == OK && row;
	return e;
}

enum err survey_each(struct survey *s, survey_taker *fn, void *ctx, bool *changed,
		     struct errinfo *ei)
{
	struct row_faults untold = ROW_FAULTS_UNTOLD;
	struct rows *rows;
	int64_t n = 0;
	enum err e = rows_open(s->fd, s->wanted, s->n_wanted, s->limits, &untold, &rows, ei);

	*changed = e == ERR_INVALID;
	if (e != OK)
		return *changed ? OK : e;
	e = take_rows(s, rows, fn, ctx, &untold, &n, ei);
	rows_close(rows);
	*changed = n != s->n_rows || !same_file(s);
	return e;
}
