/* Evaluation of a split: see evaluate.h. */
#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "train/pack.h"
#include "train/metrics.h"

double evaluate_round(double v, int digits)
{
	double unit = pow(10, digits);

	return nearbyint(v * unit) / unit;
}

void evaluation_init(struct evaluation *v, int num_labels)
{
	*v = (struct evaluation){ .num_labels = num_labels };
	v->confusion = mem_zalloc((size_t)num_labels * (size_t)num_labels, sizeof(*v->confusion));
}

void evaluation_clear(struct evaluation *v)
{
	free(v->confusion);
	*v = (struct evaluation){ 0 };
}

void evaluation_add(struct evaluation *v, const float *logits, int label)
{
	BUG_ON(label < 0 || label >= v->num_labels);
	v->loss += metrics_cross_entropy(logits, v->num_labels, label);
	v->confusion[(int64_t)label * v->num_labels + metrics_argmax(logits, v->num_labels)]++;
	v->n++;
}

static json_t *per_class(const struct evaluation *v, const char *const *labels)
{
	struct metrics_class *c = mem_zalloc((size_t)v->num_labels, sizeof(*c));
	json_t *list = json_array();

	metrics_classes(v->confusion, v->num_labels, c);
	for (int i = 0; i < v->num_labels; i++)
		json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:I}", "label",
						      labels[i], "precision", c[i].precision,
						      "recall", c[i].recall, "f1", c[i].f1,
						      "support", (json_int_t)c[i].support));
	free(c);
	return list;
}

static json_t *confusion_matrix(const struct evaluation *v)
{
	json_t *rows = json_array();

	for (int i = 0; i < v->num_labels; i++) {
		json_t *row = json_array();

		for (int j = 0; j < v->num_labels; j++)
			json_array_append_new(
				row, json_integer(v->confusion[(int64_t)i * v->num_labels + j]));
		json_array_append_new(rows, row);
	}
	return rows;
}

json_t *evaluation_metrics(const struct evaluation *v, const char *const *labels, int64_t n_steps,
			   double seconds)
{
	struct metrics_summary s = metrics_summarize(v->confusion, v->num_labels);
	double per_second = seconds > 0 ? 1 / seconds : 0;
	json_t *m = json_object();

	json_object_set_new(m, "eval_loss", json_number(v->n ? v->loss / (double)v->n : 0));
	json_object_set_new(m, "eval_accuracy", json_real(s.accuracy));
	json_object_set_new(m, "eval_f1", json_real(s.f1));
	json_object_set_new(m, "eval_precision", json_real(s.precision));
	json_object_set_new(m, "eval_recall", json_real(s.recall));
	json_object_set_new(m, "eval_runtime", json_real(evaluate_round(seconds, 4)));
	json_object_set_new(m, "eval_samples_per_second",
			    json_real(evaluate_round((double)v->n * per_second, 3)));
	json_object_set_new(m, "eval_steps_per_second",
			    json_real(evaluate_round((double)n_steps * per_second, 3)));
	json_object_set_new(m, "per_class", per_class(v, labels));
	if (v->num_labels <= EVALUATE_MAX_MATRIX)
		json_object_set_new(m, "confusion_matrix", confusion_matrix(v));
	return m;
}

static enum err run_batches(struct bert *b, const struct examples *x, int64_t batch_size,
			    bool (*go_on)(void *ctx), void *ctx, struct evaluation *v,
			    struct errinfo *ei)
{
	float *logits = mem_zalloc((size_t)batch_size * (size_t)v->num_labels, sizeof(*logits));
	struct packer packer = { 0 };
	enum err e = OK;

	for (int64_t i = 0; e == OK && i < x->n; i += batch_size) {
		int64_t n = x->n - i < batch_size ? x->n - i : batch_size;
		struct bert_batch batch = packer_batch(&packer, x, NULL, i, n, 1);

		if (go_on && !go_on(ctx))
			e = err_set(ei, ERR_CANCELLED, "the evaluation was stopped");
		else
			e = bert_forward(b, &batch, logits, ei);
		for (int k = 0; e == OK && k < batch.n_seqs; k++)
			evaluation_add(v, logits + (int64_t)k * v->num_labels, batch.labels[k]);
	}
	packer_clear(&packer);
	free(logits);
	return e;
}

enum err evaluate(struct bert *b, const struct examples *x, int64_t batch_size,
		  const char *const *labels, int num_labels, bool (*go_on)(void *ctx), void *ctx,
		  json_t **metrics, struct errinfo *ei)
{
	struct evaluation v;
	double start = clock_monotonic();

	BUG_ON(num_labels != bert_get_config(b)->num_labels);
	evaluation_init(&v, num_labels);
	enum err e = run_batches(b, x, batch_size, go_on, ctx, &v, ei);
	if (e == OK)
		*metrics = evaluation_metrics(&v, labels, (x->n + batch_size - 1) / batch_size,
					      clock_monotonic() - start);
	evaluation_clear(&v);
	return e;
}
