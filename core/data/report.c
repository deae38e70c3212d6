/* The data report: see report.h. */
#include "data/report_counts.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "data/factset.h"

#define CUT_AT_MOST 20 /* one of so many rows may be longer than the recommended length */

double report_share(int64_t part, int64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* --- counting --- */

static void count_words(struct words *w, const struct row_fact *f, int n_special)
{
	w->rows++;
	w->tokens += f->n_tokens > n_special ? f->n_tokens - n_special : 0;
	w->unknown += f->n_unknown;
}

static void count_row(struct split_counts *c, const struct row_fact *f,
		      const struct report_input *in)
{
	BUG_ON(f->label < 0 || f->label >= in->n_labels || f->script >= N_SCRIPTS);
	c->labels[f->label]++;
	c->empty += f->empty;
	c->truncated += f->n_untruncated > f->n_tokens;
	c->tokens += f->n_tokens;
	count_words(&c->all, f, in->n_special);
	count_words(&c->scripts[f->script], f, in->n_special);
}

static void count_split(struct split_counts *c, const struct report_input *in, int s)
{
	c->n = in->n[s];
	c->labels = mem_zalloc((size_t)in->n_labels, sizeof(*c->labels));
	for (int64_t i = 0; i < c->n; i++)
		count_row(c, &in->facts[s][i], in);
	lengths_init(&c->lengths, in->facts[s], c->n);
}

static void note(struct repeats *r, const struct row_fact *again, const struct row_fact *first)
{
	if (r->n < REPORT_SHOWN) {
		r->again[r->n] = again;
		r->first[r->n] = first;
	}
	r->n++;
}

static void compare_train(struct report_counts *c, struct factset *texts)
{
	const struct row_fact *facts = c->in->facts[SPLIT_TRAIN];

	for (int64_t i = 0; i < c->in->n[SPLIT_TRAIN]; i++) {
		int64_t first = factset_add(texts, i);
		if (first == i)
			continue;
		note(&c->splits[SPLIT_TRAIN].duplicates, &facts[i], &facts[first]);
		if (facts[i].label == facts[first].label)
			continue;
		note(&c->contradictions, &facts[i], &facts[first]);
		c->contradicted_texts += !factset_mark(texts, &facts[i]);
	}
}

static void compare_other(struct report_counts *c, int s, const struct factset *train)
{
	const struct row_fact *facts = c->in->facts[s];
	struct factset texts;

	factset_init(&texts, facts, c->in->n[s]);
	for (int64_t i = 0; i < c->in->n[s]; i++) {
		int64_t first = factset_add(&texts, i), there = factset_find(train, &facts[i]);
		if (first != i)
			note(&c->splits[s].duplicates, &facts[i], &facts[first]);
		if (there >= 0)
			note(&c->splits[s].overlap, &facts[i], &train->facts[there]);
	}
	factset_clear(&texts);
}

static void compare(struct report_counts *c)
{
	struct factset train;

	factset_init(&train, c->in->facts[SPLIT_TRAIN], c->in->n[SPLIT_TRAIN]);
	compare_train(c, &train);
	for (int s = SPLIT_TRAIN + 1; s < N_SPLITS; s++)
		compare_other(c, s, &train);
	factset_clear(&train);
}

static int64_t recommend(const struct lengths *l, int64_t model_max_length)
{
	if (l->n == 0)
		return 0;
	int64_t length = lengths_at(l, l->n - 1 - l->n / CUT_AT_MOST),
		rounded = (length + 7) / 8 * 8;
	return rounded < model_max_length ? rounded : model_max_length;
}

/* --- writing --- */

static json_t *lines_of(const struct repeats *r)
{
	json_t *list = json_array();

	for (int64_t i = 0; i < r->n && i < REPORT_SHOWN; i++)
		json_array_append_new(list, json_pack("[I, I]", (json_int_t)r->again[i]->line,
						      (json_int_t)r->first[i]->line));
	return list;
}

static json_t *contradictions(const struct report_counts *c)
{
	const struct repeats *r = &c->contradictions;
	json_t *lines = json_array(), *examples = json_array();

	for (int64_t i = 0; i < r->n && i < REPORT_SHOWN; i++) {
		const struct row_fact *again = r->again[i], *first = r->first[i];
		json_array_append_new(lines, json_integer(again->line));
		json_array_append_new(examples, json_pack("{s:I, s:s, s:I, s:s}", "line",
							  (json_int_t)again->line, "label",
							  c->in->labels[again->label], "first_line",
							  (json_int_t)first->line, "first_label",
							  c->in->labels[first->label]));
	}
	return json_pack("{s:I, s:o, s:o}", "texts", (json_int_t)c->contradicted_texts, "lines",
			 lines, "examples", examples);
}

static json_t *imbalance(const struct report_counts *c)
{
	const int64_t *n = c->splits[SPLIT_TRAIN].labels;
	int64_t most = 0, least = INT64_MAX;

	for (int i = 0; i < c->in->n_labels; i++) {
		most = n[i] > most ? n[i] : most;
		least = n[i] < least ? n[i] : least;
	}
	return least > 0 && most > 0 ? json_real((double)most / (double)least) : json_null();
}

static json_t *label_counts(const struct report_counts *c, int s)
{
	json_t *object = json_object();

	for (int i = 0; i < c->in->n_labels; i++)
		json_object_set_new(object, c->in->labels[i], json_integer(c->splits[s].labels[i]));
	return object;
}

static json_t *token_lengths(const struct lengths *l)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "min", (json_int_t)lengths_at(l, 0),
			 "p50", (json_int_t)lengths_percentile(l, 50), "p90",
			 (json_int_t)lengths_percentile(l, 90), "p95",
			 (json_int_t)lengths_percentile(l, 95), "p99",
			 (json_int_t)lengths_percentile(l, 99), "max",
			 (json_int_t)lengths_at(l, l->n - 1), "mean", l->sum / (double)l->n);
}

static json_t *scripts(const struct split_counts *c)
{
	json_t *object = json_object();

	for (int i = 0; i < N_SCRIPTS; i++) {
		const struct words *w = &c->scripts[i];
		if (w->rows > 0)
			json_object_set_new(object, script_name((enum script)i),
					    json_pack("{s:I, s:f}", "rows", (json_int_t)w->rows,
						      "unknown_share",
						      report_share(w->unknown, w->tokens)));
	}
	return object;
}

/* The members that have a value for each split, in the order in which they are written. */
enum member {
	ROWS,
	EMPTY_TEXTS,
	LABEL_COUNTS,
	DUPLICATES,
	DUPLICATE_LINES,
	TOKENS,
	TOKEN_LENGTHS,
	TRUNCATED_SHARE,
	UNKNOWN_SHARE,
	SCRIPTS_OF_ROWS,
};

static json_t *value_of(const struct report_counts *c, enum member m, int split)
{
	const struct split_counts *s = &c->splits[split];

	switch (m) {
	case ROWS:
		return json_integer(s->n);
	case EMPTY_TEXTS:
		return json_integer(s->empty);
	case LABEL_COUNTS:
		return label_counts(c, split);
	case DUPLICATES:
		return json_integer(s->duplicates.n);
	case DUPLICATE_LINES:
		return lines_of(&s->duplicates);
	case TOKENS:
		return json_integer(s->tokens);
	case TOKEN_LENGTHS:
		return token_lengths(&s->lengths);
	case TRUNCATED_SHARE:
		return json_real(report_share(s->truncated, s->n));
	case UNKNOWN_SHARE:
		return json_real(report_share(s->all.unknown, s->all.tokens));
	case SCRIPTS_OF_ROWS:
		return scripts(s);
	}
	return json_null();
}

static json_t *by_split(const struct report_counts *c, enum member m)
{
	json_t *object = json_object();

	for (int s = 0; s < N_SPLITS; s++)
		if (c->splits[s].n > 0)
			json_object_set_new(object, split_names[s], value_of(c, m, s));
	return object;
}

/* By pair of splits; lines: where they are, else how many. */
static json_t *overlap(const struct report_counts *c, bool lines)
{
	static const char *const names[] = {
		[SPLIT_VALIDATION] = "train_validation", [SPLIT_TEST] = "train_test"
	};
	json_t *object = json_object();

	for (int s = SPLIT_TRAIN + 1; s < N_SPLITS; s++) {
		const struct repeats *r = &c->splits[s].overlap;
		if (c->splits[SPLIT_TRAIN].n > 0 && c->splits[s].n > 0)
			json_object_set_new(object, names[s],
					    lines ? lines_of(r) : json_integer(r->n));
	}
	return object;
}

static json_t *write_report(const struct report_counts *c)
{
	json_t *o = json_object();
	int64_t recommended = c->recommended_max_length;

	json_object_set_new(o, "rows", by_split(c, ROWS));
	json_object_set_new(o, "empty_texts", by_split(c, EMPTY_TEXTS));
	json_object_set_new(o, "duplicates", by_split(c, DUPLICATES));
	json_object_set_new(o, "duplicate_lines", by_split(c, DUPLICATE_LINES));
	json_object_set_new(o, "overlap", overlap(c, false));
	json_object_set_new(o, "overlap_lines", overlap(c, true));
	json_object_set_new(o, "contradictions", contradictions(c));
	json_object_set_new(o, "label_counts", by_split(c, LABEL_COUNTS));
	json_object_set_new(o, "imbalance", imbalance(c));
	json_object_set_new(o, "tokens", by_split(c, TOKENS));
	json_object_set_new(o, "token_lengths", by_split(c, TOKEN_LENGTHS));
	json_object_set_new(o, "max_length", json_integer(c->in->max_length));
	json_object_set_new(o, "truncated_share", by_split(c, TRUNCATED_SHARE));
	json_object_set_new(o, "recommended_max_length",
			    recommended ? json_integer(recommended) : json_null());
	json_object_set_new(o, "unknown_share", by_split(c, UNKNOWN_SHARE));
	json_object_set_new(o, "scripts", by_split(c, SCRIPTS_OF_ROWS));
	json_object_set_new(o, "warnings", report_warnings(c));
	return o;
}

json_t *data_report(const struct report_input *in)
{
	struct report_counts c = { .in = in };

	for (int s = 0; s < N_SPLITS; s++)
		count_split(&c.splits[s], in, s);
	compare(&c);
	c.recommended_max_length = recommend(&c.splits[SPLIT_TRAIN].lengths, in->model_max_length);
	json_t *report = write_report(&c);
	for (int s = 0; s < N_SPLITS; s++) {
		lengths_clear(&c.splits[s].lengths);
		free(c.splits[s].labels);
	}
	return report;
}
