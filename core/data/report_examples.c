/* The data report of a data set in memory: see examples.h. */
#include "data/examples.h"

#include "base/buf.h"
#include "base/mem.h"
#include "data/faults.h"
#include "data/textset.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMBALANCE	10  /* times as many rows that a warning is due above */
#define TRUNCATED_SHARE 0.5 /* of the rows, likewise */
#define LINES_SHOWN	5

/* What is counted before it is written and judged. */
struct counts {
	const struct loaded *d;
	int64_t empty[N_SPLITS], distinct[N_SPLITS], truncated[N_SPLITS];
	int64_t overlap[N_SPLITS]; /* rows of that split whose text is in train */
	int64_t *labels[N_SPLITS]; /* (n_labels) */
	int64_t contradictions;
	int64_t lines[LINES_SHOWN];
	int n_lines;
	json_t *warnings;
};

static struct text_key key_of(const struct example *x)
{
	return (struct text_key){ x->text, x->pair, x->text_len, x->pair_len };
}

/* Of a distinct training text. */
struct verdict {
	int32_t label; /* of its first row */
	bool contradicted;
};

static void judge(struct counts *c, struct verdict *first, const struct example *x)
{
	if (first->label == x->label)
		return;
	c->contradictions += !first->contradicted;
	first->contradicted = true;
	if (c->n_lines < LINES_SHOWN)
		c->lines[c->n_lines++] = x->line;
}

/* Collects the distinct texts of the training rows. */
static void count_train(struct counts *c, struct textset *texts)
{
	const struct example *rows = c->d->examples[SPLIT_TRAIN];
	int64_t n = c->d->n[SPLIT_TRAIN];
	struct verdict *verdicts = mem_zalloc((size_t)n, sizeof(*verdicts));

	for (int64_t i = 0; i < n; i++) {
		struct text_key key = key_of(&rows[i]);
		int64_t known = texts->n, number = textset_add(texts, &key);
		if (number == known)
			verdicts[number].label = rows[i].label;
		else
			judge(c, &verdicts[number], &rows[i]);
	}
	c->distinct[SPLIT_TRAIN] = texts->n;
	free(verdicts);
}

static void count_other(struct counts *c, enum split s, const struct textset *train)
{
	struct textset texts;

	textset_init(&texts);
	for (int64_t i = 0; i < c->d->n[s]; i++) {
		struct text_key key = key_of(&c->d->examples[s][i]);
		textset_add(&texts, &key);
		c->overlap[s] += textset_find(train, &key) >= 0;
	}
	c->distinct[s] = texts.n;
	textset_clear(&texts);
}

static void count_rows(struct counts *c, enum split s, const struct examples *encoded)
{
	const struct example *rows = c->d->examples[s];

	c->labels[s] = mem_zalloc((size_t)c->d->n_labels, sizeof(*c->labels[s]));
	for (int64_t i = 0; i < c->d->n[s]; i++) {
		c->labels[s][rows[i].label]++;
		c->empty[s] += rows[i].text_len == 0;
	}
	for (int64_t i = 0; i < encoded->n; i++)
		c->truncated[s] += encoded->truncated[i];
}

static void count_all(struct counts *c, const struct examples *encoded)
{
	struct textset train;

	textset_init(&train);
	count_train(c, &train);
	for (int s = 0; s < N_SPLITS; s++) {
		count_rows(c, (enum split)s, &encoded[s]);
		if (s != SPLIT_TRAIN)
			count_other(c, (enum split)s, &train);
	}
	textset_clear(&train);
}

static void warn(struct counts *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void warn(struct counts *c, const char *fmt, ...)
{
	struct errinfo words;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words.msg, sizeof(words.msg), fmt, ap);
	va_end(ap);
	json_array_append_new(c->warnings, json_string(words.msg));
}

static void warn_imbalance(struct counts *c)
{
	const int64_t *n = c->labels[SPLIT_TRAIN];
	char *const *names = c->d->labels;
	int most = 0, least = -1;

	for (int i = 0; i < c->d->n_labels; i++) {
		if (n[i] > n[most])
			most = i;
		if (n[i] > 0 && (least < 0 || n[i] < n[least]))
			least = i;
	}
	if (least >= 0 && n[most] > IMBALANCE * n[least])
		warn(c,
		     "The classes are unbalanced: %" PRId64 " training rows are %s, %" PRId64
		     " are %s.",
		     n[most], EXCERPT(names[most], strlen(names[most])), n[least],
		     EXCERPT(names[least], strlen(names[least])));
}

static void warn_absent(struct counts *c, enum split s)
{
	struct buf list = { 0 };
	int n = 0;

	for (int i = 0; i < c->d->n_labels; i++) {
		if (c->labels[s][i] > 0)
			continue;
		if (n++ < LINES_SHOWN)
			buf_printf(&list, "%s%s", n > 1 ? ", " : "",
				   EXCERPT(c->d->labels[i], strlen(c->d->labels[i])));
	}
	if (n > LINES_SHOWN)
		buf_printf(&list, " and %d more", n - LINES_SHOWN);
	if (n > 0)
		warn(c, "No %s row has the label %s.", split_names[s], list.data);
	buf_clear(&list);
}

static void warn_split(struct counts *c, enum split s)
{
	int64_t n = c->d->n[s];
	const char *name = split_names[s];

	if (n == 0)
		return;
	if (s != SPLIT_TEST)
		warn_absent(c, s);
	if (c->overlap[s] > 0)
		warn(c,
		     "%" PRId64 " of %" PRId64 " %s rows have a text that is in the training rows "
		     "too: their metrics flatter the model.",
		     c->overlap[s], n, name);
	if (c->empty[s] > 0)
		warn(c, "%" PRId64 " of %" PRId64 " %s rows have an empty text.", c->empty[s], n,
		     name);
	if ((double)c->truncated[s] > TRUNCATED_SHARE * (double)n)
		warn(c, "%.0f %% of the %s rows are longer than max_length and are cut.",
		     100.0 * (double)c->truncated[s] / (double)n, name);
}

static void warn_all(struct counts *c)
{
	warn_imbalance(c);
	for (int s = 0; s < N_SPLITS; s++)
		warn_split(c, (enum split)s);
	if (c->contradictions > 0)
		warn(c,
		     "%" PRId64 " training texts have more than one label, the first on line "
		     "%" PRId64 ".",
		     c->contradictions, c->lines[0]);
}

static json_t *label_counts(const struct counts *c, int s)
{
	json_t *object = json_object();

	for (int i = 0; i < c->d->n_labels; i++)
		json_object_set_new(object, c->d->labels[i], json_integer(c->labels[s][i]));
	return object;
}

static json_t *contradictions(const struct counts *c)
{
	json_t *lines = json_array();

	for (int i = 0; i < c->n_lines; i++)
		json_array_append_new(lines, json_integer(c->lines[i]));
	return json_pack("{s:I, s:o}", "texts", (json_int_t)c->contradictions, "lines", lines);
}

static json_t *overlaps(const struct counts *c)
{
	json_t *object = json_object();

	if (c->d->n[SPLIT_TRAIN] > 0 && c->d->n[SPLIT_VALIDATION] > 0)
		json_object_set_new(object, "train_validation",
				    json_integer(c->overlap[SPLIT_VALIDATION]));
	if (c->d->n[SPLIT_TRAIN] > 0 && c->d->n[SPLIT_TEST] > 0)
		json_object_set_new(object, "train_test", json_integer(c->overlap[SPLIT_TEST]));
	return object;
}

static json_t *write_report(const struct counts *c, int max_length)
{
	json_t *rows = json_object(), *empty = json_object(), *duplicates = json_object();
	json_t *labels = json_object(), *truncated = json_object();

	for (int s = 0; s < N_SPLITS; s++) {
		const char *name = split_names[s];
		int64_t n = c->d->n[s];
		if (n == 0)
			continue;
		json_object_set_new(rows, name, json_integer(n));
		json_object_set_new(empty, name, json_integer(c->empty[s]));
		json_object_set_new(duplicates, name, json_integer(n - c->distinct[s]));
		json_object_set_new(labels, name, label_counts(c, s));
		json_object_set_new(truncated, name,
				    json_real((double)c->truncated[s] / (double)n));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "rows", rows,
			 "empty_texts", empty, "duplicates", duplicates, "overlap", overlaps(c),
			 "contradictions", contradictions(c), "label_counts", labels,
			 "truncated_share", truncated, "max_length", max_length, "warnings",
			 c->warnings);
}

json_t *report_of_examples(const struct loaded *d, const struct examples encoded[N_SPLITS],
			   int max_length)
{
	struct counts c = { .d = d, .warnings = json_array() };

	count_all(&c, encoded);
	warn_all(&c);
	json_t *report = write_report(&c, max_length);
	for (int s = 0; s < N_SPLITS; s++)
		free(c.labels[s]);
	return report;
}
