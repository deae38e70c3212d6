/* Evaluation of a split: see evaluate.h. */
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/pack.h"
#include "train/metrics.h"

/* What the batches of one evaluation add up to. */
struct tally {
	int num_labels;
	int64_t n;	    /* rows so far */
	double loss;	    /* sum over the rows */
	int64_t *confusion; /* (num_labels, num_labels), row = true class */
};

double evaluate_round(double v, int digits)
{
	double unit = pow(10, digits);

	return nearbyint(v * unit) / unit;
}

/* logits (batch->n_seqs, num_labels). */
static void count(struct tally *t, const struct bert_batch *batch, const float *logits)
{
	for (int i = 0; i < batch->n_seqs; i++, logits += t->num_labels) {
		int label = batch->labels[i];

		BUG_ON(label < 0 || label >= t->num_labels);
		t->loss += metrics_cross_entropy(logits, t->num_labels, label);
		t->confusion[(int64_t)label * t->num_labels +
			     metrics_argmax(logits, t->num_labels)]++;
		t->n++;
	}
}

static json_t *per_class(const struct tally *t, const char *const *labels)
{
	struct metrics_class *c = mem_zalloc((size_t)t->num_labels, sizeof(*c));
	json_t *list = json_array();

	metrics_classes(t->confusion, t->num_labels, c);
	for (int i = 0; i < t->num_labels; i++)
		json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:I}", "label",
						      labels[i], "precision", c[i].precision,
						      "recall", c[i].recall, "f1", c[i].f1,
						      "support", (json_int_t)c[i].support));
	free(c);
	return list;
}

static json_t *confusion_matrix(const struct tally *t)
{
	json_t *rows = json_array();

	for (int i = 0; i < t->num_labels; i++) {
		json_t *row = json_array();

		for (int j = 0; j < t->num_labels; j++)
			json_array_append_new(
				row, json_integer(t->confusion[(int64_t)i * t->num_labels + j]));
		json_array_append_new(rows, row);
	}
	return rows;
}

static json_t *metrics_of(const struct tally *t, const char *const *labels, int64_t n_steps,
			  double seconds)
{
	struct metrics_summary s = metrics_summarize(t->confusion, t->num_labels);
	double per_second = seconds > 0 ? 1 / seconds : 0;
	json_t *m = json_object();

	json_object_set_new(m, "eval_loss", json_number(t->n ? t->loss / (double)t->n : 0));
	json_object_set_new(m, "eval_accuracy", json_real(s.accuracy));
	json_object_set_new(m, "eval_f1", json_real(s.f1));
	json_object_set_new(m, "eval_precision", json_real(s.precision));
	json_object_set_new(m, "eval_recall", json_real(s.recall));
	json_object_set_new(m, "eval_runtime", json_real(evaluate_round(seconds, 4)));
	json_object_set_new(m, "eval_samples_per_second",
			    json_real(evaluate_round((double)t->n * per_second, 3)));
	json_object_set_new(m, "eval_steps_per_second",
			    json_real(evaluate_round((double)n_steps * per_second, 3)));
	json_object_set_new(m, "per_class", per_class(t, labels));
	if (t->num_labels <= EVALUATE_MAX_MATRIX)
		json_object_set_new(m, "confusion_matrix", confusion_matrix(t));
	return m;
}

static enum err run_batches(struct bert *b, const struct examples *x, int64_t batch_size,
			    bool (*go_on)(void *ctx), void *ctx, struct tally *t,
			    struct errinfo *ei)
{
	float *logits = mem_zalloc((size_t)batch_size * (size_t)t->num_labels, sizeof(*logits));
	struct packer packer = { 0 };
	enum err e = OK;

	for (int64_t i = 0; e == OK && i < x->n; i += batch_size) {
		int64_t n = x->n - i < batch_size ? x->n - i : batch_size;
		struct bert_batch batch = packer_batch(&packer, x, NULL, i, n, 1);

		if (go_on && !go_on(ctx))
			e = err_set(ei, ERR_CANCELLED, "the evaluation was stopped");
		else
			e = bert_forward(b, &batch, logits, ei);
		if (e == OK)
			count(t, &batch, logits);
	}
	packer_clear(&packer);
	free(logits);
	return e;
}

enum err evaluate(struct bert *b, const struct examples *x, int64_t batch_size,
		  const char *const *labels, int num_labels, bool (*go_on)(void *ctx), void *ctx,
		  json_t **metrics, struct errinfo *ei)
{
	struct tally t = { .num_labels = num_labels };
	double start = clock_monotonic();

	BUG_ON(num_labels != bert_get_config(b)->num_labels);
	t.confusion = mem_zalloc((size_t)num_labels * (size_t)num_labels, sizeof(*t.confusion));
	enum err e = run_batches(b, x, batch_size, go_on, ctx, &t, ei);
	if (e == OK)
		*metrics = metrics_of(&t, labels, (x->n + batch_size - 1) / batch_size,
				      clock_monotonic() - start);
	free(t.confusion);
	return e;
}
