/* What the data report warns of: see report.h. */
#include "data/report_counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "data/faults.h"

#define IMBALANCE	10   /* times as many rows that a warning is due above */
#define TRUNCATED_SHARE 0.5  /* of the rows, likewise */
#define UNKNOWN_SHARE	0.5  /* of a script's tokens */
#define SCRIPT_SHARE	0.01 /* of the training rows: of a script with fewer nothing is said */
#define LABELS_SHOWN	5

/* A count with commas: 1,234,567. */
struct grouped {
	char text[32];
};
#define GROUPED(n) grouped_of(n, &(struct grouped){ { 0 } })

static const char *grouped_of(int64_t n, struct grouped *out)
{
	char *p = out->text + sizeof(out->text) - 1;

	for (int digits = 1; n > 0 || digits == 1; digits++, n /= 10) {
		*--p = (char)('0' + n % 10);
		if (digits % 3 == 0 && n >= 10)
			*--p = ',';
	}
	return p;
}

/* Takes the words. */
static void add(json_t *list, char *words)
{
	json_array_append_new(list, json_string(words));
	free(words);
}

static void warn_imbalance(const struct report_counts *c, json_t *list)
{
	const int64_t *n = c->splits[SPLIT_TRAIN].labels;
	char *const *names = c->in->labels;
	int most = 0, least = -1;

	for (int i = 0; i < c->in->n_labels; i++) {
		if (n[i] > n[most])
			most = i;
		if (n[i] > 0 && (least < 0 || n[i] < n[least]))
			least = i;
	}
	if (least >= 0 && n[most] > IMBALANCE * n[least])
		add(list,
		    mem_printf("The classes are unbalanced: %s training rows are %s, %s are %s.",
			       GROUPED(n[most]), EXCERPT(names[most], strlen(names[most])),
			       GROUPED(n[least]), EXCERPT(names[least], strlen(names[least]))));
}

static void warn_absent(const struct report_counts *c, int s, json_t *list)
{
	struct buf names = { 0 };
	int n = 0;

	for (int i = 0; i < c->in->n_labels; i++) {
		const char *name = c->in->labels[i];
		if (c->splits[s].labels[i] > 0)
			continue;
		if (n++ < LABELS_SHOWN)
			buf_printf(&names, "%s%s", n > 1 ? ", " : "", EXCERPT(name, strlen(name)));
	}
	if (n > LABELS_SHOWN)
		buf_printf(&names, " and %d more", n - LABELS_SHOWN);
	if (n > 0)
		add(list, mem_printf("No %s row has the label %s.", split_names[s], names.data));
	buf_clear(&names);
}

/* What another max_length would do, where it would help. */
static char *advice(const struct report_counts *c)
{
	const struct split_counts *train = &c->splits[SPLIT_TRAIN];
	int64_t better = c->recommended_max_length, cut, tokens;

	if (c->in->max_length >= c->in->model_max_length)
		return mem_strdup(" The model reads no more.");
	if (better <= c->in->max_length)
		return mem_strdup("");
	tokens = lengths_cut(&train->lengths, better, &cut);
	return mem_printf(" A max_length of %" PRId64 " would cut %.0f %% of the training rows and "
			  "read %.1f times as many tokens.",
			  better, 100 * report_share(cut, train->n),
			  report_share(tokens, train->tokens));
}

static void warn_truncated(const struct report_counts *c, int s, json_t *list)
{
	const struct split_counts *split = &c->splits[s];
	double share = report_share(split->truncated, split->n);

	if (share <= TRUNCATED_SHARE)
		return;
	char *more = s == SPLIT_TRAIN ? advice(c) : mem_strdup("");
	add(list, mem_printf("%.0f %% of the %s rows are longer than max_length and are cut.%s",
			     100 * share, split_names[s], more));
	free(more);
}

static void warn_split(const struct report_counts *c, int s, json_t *list)
{
	const struct split_counts *split = &c->splits[s];
	const char *name = split_names[s];

	if (split->n == 0)
		return;
	if (s != SPLIT_TEST)
		warn_absent(c, s, list);
	if (split->overlap.n > 0)
		add(list, mem_printf("%s of %s %s rows have a text that is in the training rows "
				     "too: their metrics flatter the model.",
				     GROUPED(split->overlap.n), GROUPED(split->n), name));
	if (split->empty > 0)
		add(list, mem_printf("%s of %s %s rows have an empty text.", GROUPED(split->empty),
				     GROUPED(split->n), name));
	warn_truncated(c, s, list);
}

static void warn_contradictions(const struct report_counts *c, json_t *list)
{
	if (c->contradicted_texts > 0)
		add(list,
		    mem_printf("%s training texts have more than one label, the first on "
			       "line %" PRId64 ".",
			       GROUPED(c->contradicted_texts), c->contradictions.again[0]->line));
}

/* "are Cyrillic" */
static const char *described(enum script s, char *out, size_t size)
{
	const char *name = script_name(s);

	if (s == SCRIPT_NONE)
		return "have no letters";
	if (s == SCRIPT_OTHER)
		return "are in a rarer script";
	snprintf(out, size, s == SCRIPT_EMOJI ? "are mostly %s" : "are %s", name);
	return out;
}

static void warn_script(const struct report_counts *c, enum script s, json_t *list)
{
	const struct split_counts *train = &c->splits[SPLIT_TRAIN];
	const struct words *w = &train->scripts[s];
	double unknown = report_share(w->unknown, w->tokens);
	bool language = s != SCRIPT_NONE && s != SCRIPT_EMOJI;
	char words[48];

	if (report_share(w->rows, train->n) < SCRIPT_SHARE || unknown <= UNKNOWN_SHARE)
		return;
	add(list,
	    mem_printf("%s of %s training rows %s, and %.0f %% of their tokens are unknown "
		       "to this model's vocabulary%s.",
		       GROUPED(w->rows), GROUPED(train->n), described(s, words, sizeof(words)),
		       100 * unknown, language ? ": choose a multilingual model" : ""));
}

json_t *report_warnings(const struct report_counts *c)
{
	json_t *list = json_array();

	warn_imbalance(c, list);
	for (int s = 0; s < N_SPLITS; s++)
		warn_split(c, s, list);
	warn_contradictions(c, list);
	for (int s = 0; s < N_SCRIPTS; s++)
		warn_script(c, (enum script)s, list);
	return list;
}
