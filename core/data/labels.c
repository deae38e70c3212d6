/* Labels: see labels.h. */
#include "data/labels.h"

#include "base/buf.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* pandas.io.parsers.readers.STR_NA_VALUES: what read_csv takes for a missing value. */
static const char *const missing_words[] = {
	"",	"#N/A",	  "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN",
	"-nan", "1.#IND", "1.#QNAN",  "<NA>", "N/A",	 "NA",	     "NULL",
	"NaN",	"None",	  "n/a",      "nan",  "null",
};

static bool is_missing_word(const struct cell *cell)
{
	for (size_t i = 0; i < sizeof(missing_words) / sizeof(*missing_words); i++)
		if (strcmp(cell->text, missing_words[i]) == 0)
			return true;
	return false;
}

/* Blanks, a sign, digits, blanks. */
static bool whole_number(const char *text, int64_t *out)
{
	const char *p = text + strspn(text, " \t");
	bool negative = *p == '-';
	int64_t v = 0;

	p += *p == '-' || *p == '+';
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *p - '0', &v))
			return false;
	*out = v;
	if (!negative && __builtin_sub_overflow(0, v, out))
		return false;
	return p[strspn(p, " \t")] == '\0';
}

void label_census_add(struct label_census *c, const struct cell *cell)
{
	int64_t v;

	if (cell->kind == CELL_MISSING || (cell->kind == CELL_BARE && is_missing_word(cell)))
		return;
	if (cell->kind == CELL_INTEGER || (cell->kind == CELL_BARE && whole_number(cell->text, &v)))
		c->numbers = true;
	else
		c->others = true;
}

bool labels_are_numbers(const struct label_census *c)
{
	return c->numbers && !c->others;
}

/* Why a cell of that kind is no label, or NULL. */
static const char *unfit_kind(enum cell_kind kind, bool numbers)
{
	switch (kind) {
	case CELL_MISSING:
		return "the label is missing";
	case CELL_INTEGER:
		return numbers ? NULL : "the label is a number, but other lines have names";
	case CELL_LIST:
		return "the label is a list; one label for each text is supported";
	case CELL_REAL:
	case CELL_OBJECT:
		return "the label must be a string or a whole number";
	case CELL_BARE:
	case CELL_STRING:
	case CELL_BOOLEAN:
		break;
	}
	return NULL;
}

static bool read_number(const struct cell *cell, int64_t line, struct label *out,
			struct row_faults *rf)
{
	if (!whole_number(cell->text, &out->number)) {
		row_faults_add(
			rf, "line %" PRId64 ": the label %s is no whole number, as on other lines",
			line, EXCERPT(cell->text, cell->len));
		return false;
	}
	out->is_number = true;
	snprintf(out->digits, sizeof(out->digits), "%" PRId64, out->number);
	return true;
}

bool label_read(const struct cell *cell, bool numbers, int64_t line, struct label *out,
		struct row_faults *rf)
{
	const char *unfit = unfit_kind(cell->kind, numbers);

	*out = (struct label){ .text = cell->text, .len = cell->len };
	if (!unfit && cell->len == 0)
		unfit = cell->kind == CELL_BARE ? "the label is missing" : "the label is empty";
	if (!unfit && strlen(cell->text) != cell->len)
		unfit = "the label holds the character U+0000";
	if (!unfit && cell->len > LABEL_MAX_BYTES)
		unfit = "the label is longer than 256 bytes; is label_column the right one?";
	if (unfit) {
		row_faults_add(rf, "line %" PRId64 ": %s", line, unfit);
		return false;
	}
	return !numbers || read_number(cell, line, out, rf);
}

static void fault_no_index(const struct label *label, int n, int64_t line, struct row_faults *rf)
{
	row_faults_add(rf,
		       "line %" PRId64 ": the label %s is no index into the %d labels (0 to %d)",
		       line, label->digits, n, n - 1);
}

bool label_by_index(struct label *label, char *const *names, int n, int64_t line,
		    struct row_faults *rf)
{
	if (!label->is_number)
		return true;
	if (label->number < 0 || label->number >= n) {
		fault_no_index(label, n, line, rf);
		return false;
	}
	const char *name = names[label->number];
	*label = (struct label){ .text = name, .len = strlen(name) };
	return true;
}

struct text_key label_key(const struct label *label)
{
	const char *text = label->is_number ? label->digits : label->text;

	return (struct text_key){ .text = text,
				  .text_len = label->is_number ? strlen(text) : label->len };
}

static void add_name(struct label_map *m, const char *name)
{
	m->names[m->n] = mem_strdup(name);
	textset_add(&m->known,
		    &(struct text_key){ .text = m->names[m->n], .text_len = strlen(name) });
	m->n++;
}

void label_map_given(struct label_map *m, char *const *names, int n)
{
	int64_t v;

	*m = (struct label_map){ .names = mem_zalloc((size_t)n, sizeof(char *)) };
	textset_init(&m->known);
	m->numbers_are_names = true;
	for (int i = 0; i < n; i++) {
		add_name(m, names[i]);
		m->numbers_are_names &= whole_number(names[i], &v);
	}
}

struct seen_name {
	const char *text;
	int64_t number; /* its value where the labels are numbers, else 0 */
	int64_t entry;	/* of the set */
};

static int by_number_then_name(const void *pa, const void *pb)
{
	const struct seen_name *a = pa, *b = pb;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return strcmp(a->text, b->text);
}

/* Whether the sorted numbers are 0 … n-1; otherwise says which they are. */
static bool without_gaps(const struct seen_name *names, int64_t n, struct row_faults *rf)
{
	struct buf list = { 0 };
	bool ok = true;

	for (int64_t i = 0; i < n; i++) {
		ok &= names[i].number == i;
		if (i < 12)
			buf_printf(&list, "%s%s", i ? ", " : "", names[i].text);
	}
	if (!ok)
		row_faults_add(
			rf,
			"the labels are the numbers %s%s; they must run from 0 without gaps, "
			"or \"labels\" must list them as names",
			list.data, n > 12 ? " and more" : "");
	buf_clear(&list);
	return ok;
}

bool label_map_from_train(struct label_map *m, const struct textset *seen, bool numbers,
			  int32_t *order, struct row_faults *rf)
{
	size_t n = (size_t)seen->n;
	struct seen_name *names = mem_zalloc(n, sizeof(*names));

	for (size_t i = 0; i < n; i++) {
		names[i] = (struct seen_name){ seen->entries[i].key.text, 0, (int64_t)i };
		if (numbers)
			whole_number(names[i].text, &names[i].number);
	}
	qsort(names, n, sizeof(*names), by_number_then_name);
	bool ok = !numbers || without_gaps(names, seen->n, rf);
	*m = (struct label_map){ .from_train = true };
	m->names = mem_zalloc(n, sizeof(char *));
	m->numbers_are_names = true;
	textset_init(&m->known);
	for (size_t i = 0; ok && i < n; i++) {
		order[names[i].entry] = (int32_t)i;
		add_name(m, names[i].text);
	}
	free(names);
	if (!ok)
		label_map_clear(m);
	return ok;
}

static void fault_unknown(const struct label_map *m, const struct label *label, int64_t line,
			  struct row_faults *rf)
{
	const char *shown = EXCERPT(label->text, label->len);
	const char *near = nearest_name(m->names, m->n, label->text);

	if (m->from_train)
		row_faults_add(rf,
			       "line %" PRId64 ": the label %s does not occur in the training rows",
			       line, shown);
	else if (near)
		row_faults_add(rf,
			       "line %" PRId64 ": the label %s is not in labels; did you mean %s?",
			       line, shown, EXCERPT(near, strlen(near)));
	else
		row_faults_add(rf, "line %" PRId64 ": the label %s is not in labels", line, shown);
}

bool label_map_find(const struct label_map *m, const struct label *label, int64_t line,
		    int32_t *index, struct row_faults *rf)
{
	if (label->is_number && !m->numbers_are_names) {
		*index = (int32_t)label->number;
		if (label->number >= 0 && label->number < m->n)
			return true;
		fault_no_index(label, m->n, line, rf);
		return false;
	}
	struct text_key key = label_key(label);
	int64_t found = textset_find(&m->known, &key);
	if (found < 0 && label->is_number) /* a name such as "007" */
		found = textset_find(&m->known, &(struct text_key){ .text = label->text,
								    .text_len = label->len });
	*index = (int32_t)found;
	if (found < 0)
		fault_unknown(m, label, line, rf);
	return found >= 0;
}

void label_map_clear(struct label_map *m)
{
	for (int i = 0; i < m->n; i++)
		free(m->names[i]);
	free(m->names);
	textset_clear(&m->known);
	*m = (struct label_map){ 0 };
}
