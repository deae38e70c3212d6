/* The labels of one file: see survey.h. */
#include "data/survey.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SPELLINGS 16 /* of one label, that are told apart: "1", " 1", "01" … */

static int32_t note_value(struct survey *s, const struct cell *cell)
{
	/* The kind tells the string "1" from the number. */
	struct text_key key = { cell->text, cell_kind_words(cell->kind), cell->len,
				strlen(cell_kind_words(cell->kind)) };
	int64_t most = (int64_t)s->limits->max_labels * SPELLINGS;

	if (!cell->text || cell->len > LABEL_MAX_BYTES) {
		label_census_add(&s->census, cell);
		return -1;
	}
	int64_t known = textset_find(&s->known, &key);
	if (known >= 0)
		return (int32_t)known;
	label_census_add(&s->census, cell);
	if (s->known.n >= most)
		return -1;
	if (!s->kinds)
		s->kinds = mem_zalloc((size_t)most, sizeof(*s->kinds));
	s->kinds[s->known.n] = cell->kind;
	key.text = arena_copy(s->texts, cell->text, cell->len);
	return (int32_t)textset_add(&s->known, &key);
}

enum err survey_note_label(struct survey *s, const struct cell *cell, struct errinfo *ei)
{
	int32_t value = note_value(s, cell);

	return spool_append(&s->values, &value, sizeof(value), ei);
}

/* Whether a file's own names may be those of classes; they are all different. */
static bool fit_names(char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strlen(names[i]) - 1 >= LABEL_MAX_BYTES)
			return false;
	return true;
}

void survey_note_class_names(struct survey *s, const struct rows *rows, struct row_faults *rf)
{
	char *const *names = NULL;
	int n = s->spec->n_labels > 0 ? 0 : rows_class_names(rows, SURVEY_LABEL, &names);

	if (!fit_names(names, n)) {
		row_faults_add(rf, "a class name that the file declares is not 1 to 256 bytes "
				   "long; give \"labels\"");
		return;
	}
	s->class_names = mem_zalloc((size_t)n, sizeof(*s->class_names));
	s->n_class_names = n;
	for (int i = 0; i < n; i++)
		s->class_names[i] = arena_copy(s->texts, names[i], strlen(names[i]));
}

bool survey_label(const struct survey *s, const struct cell *cell, int64_t line, struct label *out,
		  struct row_faults *rf)
{
	return label_read(cell, labels_are_numbers(&s->census), line, out, rf) &&
	       (s->n_class_names == 0 ||
		label_by_index(out, s->class_names, s->n_class_names, line, rf));
}

static bool value_label(const struct survey *s, int64_t value, struct label *out)
{
	const struct text_key *key = &s->known.entries[value].key;
	struct cell cell = { key->text, (uint32_t)key->text_len, s->kinds[value] };
	struct row_faults untold = ROW_FAULTS_UNTOLD;

	return survey_label(s, &cell, 0, out, &untold);
}

void survey_judge_values(struct survey *s)
{
	struct label label;

	s->classes = mem_zalloc((size_t)s->known.n, sizeof(*s->classes));
	for (int64_t v = 0; v < s->known.n; v++)
		s->classes[v] = value_label(s, v, &label) ? 0 : -1;
}

void survey_classify(struct survey *s, const struct label_map *map)
{
	struct row_faults untold = ROW_FAULTS_UNTOLD;
	struct label label;

	for (int64_t v = 0; v < s->known.n; v++)
		if (!value_label(s, v, &label) ||
		    !label_map_find(map, &label, 0, &s->classes[v], &untold))
			s->classes[v] = -1;
}

bool survey_labels_are_good(const struct survey *s)
{
	enum split split;
	int64_t place;

	for (int64_t row = 0; row < s->n_rows; row++)
		if (survey_takes(s, row, &split, &place) && survey_class(s, row) < 0)
			return false;
	return true;
}

/* The values that stand in rows that are taken. */
static bool *used_values(const struct survey *s)
{
	const int32_t *values = (const int32_t *)s->values.data;
	bool *used = mem_zalloc((size_t)s->known.n, sizeof(*used));
	enum split split;
	int64_t place;

	for (int64_t row = 0; row < s->n_rows; row++)
		if (values[row] >= 0 && survey_takes(s, row, &split, &place))
			used[values[row]] = true;
	return used;
}

/* The different labels among the values. numbers[v]: which of them value v is, -1: it is not used.
 */
static void collect(const struct survey *s, struct textset *labels, int32_t *numbers)
{
	bool *used = used_values(s);
	struct label label;

	for (int64_t v = 0; v < s->known.n; v++) {
		numbers[v] = -1;
		if (!used[v] || !value_label(s, v, &label))
			continue;
		struct text_key key = label_key(&label);
		int64_t known = textset_find(labels, &key);
		if (known < 0) {
			key.text = arena_copy(s->texts, key.text, key.text_len);
			known = textset_add(labels, &key);
		}
		numbers[v] = (int32_t)known;
	}
	free(used);
}

void survey_make_map(struct survey *s, struct label_map *map, struct row_faults *rf)
{
	bool are_numbers = labels_are_numbers(&s->census);
	struct textset labels;

	textset_init(&labels);
	collect(s, &labels, s->classes);
	int32_t *order = mem_zalloc((size_t)labels.n, sizeof(*order));
	if (labels.n > s->limits->max_labels)
		row_faults_add(rf, "more than %d different labels; is label_column the right one?",
			       s->limits->max_labels);
	else if (label_map_from_train(map, &labels, are_numbers, order, rf))
		for (int64_t v = 0; v < s->known.n; v++)
			if (s->classes[v] >= 0)
				s->classes[v] = order[s->classes[v]];
	free(order);
	textset_clear(&labels);
}
