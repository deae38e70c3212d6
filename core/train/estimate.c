/* Estimates: see estimate.h. The constants were fitted to runs of tests/bench/train, which prints
 * estimate and truth, with MiniLM and bert-base on a CPU at 10 to 230 tokens a row. */
#include "train/estimate.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/trainer.h"

#define LENGTHS 4096 /* that are told apart; longer ones count as this one */

struct estimate_split estimate_split_of(const struct row_fact *facts, int64_t n, int64_t batch_size)
{
	struct estimate_split s = { .n = n };
	int64_t *counts = mem_zalloc(LENGTHS + 1, sizeof(*counts));

	for (int64_t i = 0; i < n; i++) {
		int32_t length = facts[i].n_tokens;

		BUG_ON(length < 0);
		s.tokens += length;
		s.squares += (double)length * length;
		s.longest = length > s.longest ? length : s.longest;
		counts[length < LENGTHS ? length : LENGTHS]++;
	}
	for (int i = 0; i <= LENGTHS; i++)
		if (counts[i] > 0)
			s.lengths += 1 - pow(1 - (double)counts[i] / (double)n, (double)batch_size);
	free(counts);
	return s;
}

/* --- how often --- */

static double ceil_of(double a, double b)
{
	return ceil(a / b);
}

struct plan {
	double steps, rows, passes; /* of the optimizer; trained on; rows over those of train */
	double micro_batches;
	double evaluations, checkpoints;
};

/* How often a strategy acts in a run; every epoch and every so many steps end with the run too. */
static double times(int strategy, const struct plan *p, int64_t epoch_steps, int64_t every)
{
	if (strategy == STRATEGY_NO)
		return 0;
	return ceil_of(p->steps, (double)(strategy == STRATEGY_EPOCH ? epoch_steps : every));
}

static struct plan plan_of(const struct estimate_input *in)
{
	const struct train_args *a = in->args;
	int64_t n = in->splits[SPLIT_TRAIN].n, epoch_steps = trainer_epoch_steps(a, n);
	int64_t steps = trainer_total_steps(a, n), left = steps % epoch_steps;
	double batches = ceil_of((double)n, (double)a->per_device_train_batch_size);
	struct plan p = { .steps = (double)steps };

	p.rows = (double)(steps / epoch_steps) * (double)n +
		 fmin((double)n, (double)(left * a->per_device_train_batch_size *
					  a->gradient_accumulation_steps));
	p.passes = p.rows / (double)n;
	p.micro_batches = p.passes * batches;
	p.evaluations = times(a->eval_strategy, &p, epoch_steps, train_args_eval_steps(a));
	p.checkpoints = times(a->save_strategy, &p, epoch_steps, a->save_steps);
	return p;
}

/* --- the model --- */

/* Parameters outside the word embeddings, of which a step touches few. */
static double dense_parameters(const struct bert_config *c)
{
	return (double)(bert_config_n_parameters(c) - c->vocab_size * c->hidden_size);
}

/* Word pieces that occur in so many tokens: Heaps' law with the constants of English reviews. */
static double word_parameters(const struct estimate_input *in)
{
	double rows =
		fmin((double)in->config->vocab_size, 30 * sqrt(in->splits[SPLIT_TRAIN].tokens));

	return rows * (double)in->config->hidden_size;
}

static double trained_parameters(const struct estimate_input *in)
{
	return dense_parameters(in->config) + word_parameters(in);
}

/* --- time --- */

struct work {
	double flops, bytes, calls;
};

#define CALLS_OF_LAYER	30 /* operations forward, beside those of each length */
#define CALLS_OF_LENGTH 12
#define BACKWARD	2 /* times as much as forward */

/* Bytes in the measure of bert_speed for each byte of the thing: what a cache holds or has been
 * allocated before is faster than new memory, so these are smaller than a count of reads and writes
 * would be. */
#define ACTIVATION_USES 0.6 /* forward */
#define PARAMETER_USES	1.0 /* in a micro-batch: forward and backward */
#define OPTIMIZER_USES	2.3 /* in a step: gradient, norm, AdamW */

#define DISK_BYTES   4e8 /* a second, assumed: nobody has measured the disk */
#define OPEN_SECONDS 0.5 /* without the weights */

/* Floats kept for the backward pass, of a layer and for each token (bert_graph.cpp): those of the
 * hidden size, of the intermediate size, and of a head for each pair of tokens. With bf16 they are
 * not fewer: many are kept in both types. */
struct kept {
	double hidden, inner, pair;
};

static struct kept kept_of(const struct bert_config *c)
{
	struct kept k = { 15, 2, 3 };

	if (c->hidden_dropout_prob <= 0)
		k.hidden -= 4;
	if (c->attention_probs_dropout_prob <= 0)
		k = (struct kept){ k.hidden - 3, k.inner, 0 };
	return k;
}

/* Floats of all layers for a batch; the last layer computes its first tokens only. */
static double kept_floats(const struct estimate_input *in, double tokens, double squares)
{
	const struct bert_config *c = in->config;
	struct kept k = kept_of(c);
	double layer = tokens * (k.hidden * (double)c->hidden_size +
				 k.inner * (double)c->intermediate_size) +
		       squares * k.pair * (double)c->num_attention_heads;

	return layer * (double)(c->num_hidden_layers - 1) + 8 * tokens * (double)c->hidden_size;
}

/* Of n_batches batches that have all that many tokens and rows together. */
static struct work forward(const struct estimate_input *in, const struct estimate_split *s,
			   double passes, double n_batches)
{
	const struct bert_config *c = in->config;
	double h = (double)c->hidden_size, inner = (double)c->intermediate_size;
	double layers = (double)c->num_hidden_layers - 1, rest = 2 * h * h + 2 * h * inner;
	double tokens = s->tokens * passes, squares = s->squares * passes;
	double rows = (double)s->n * passes;

	return (struct work){
		.flops = layers * (2 * tokens * (2 * h * h + rest) + 4 * h * squares) +
			 4 * tokens * h * h + rows * 2 * (rest + h * h) + 4 * h * tokens,
		.bytes = 4 * ACTIVATION_USES * kept_floats(in, tokens, squares),
		.calls = n_batches * (layers + 1) * (CALLS_OF_LAYER + CALLS_OF_LENGTH * s->lengths),
	};
}

static double seconds_of(const struct estimate_input *in, struct work w)
{
	return w.flops / in->speed.flops + w.bytes / in->speed.bytes_per_second +
	       w.calls * in->speed.call_seconds;
}

static double training_seconds(const struct estimate_input *in, const struct plan *p)
{
	struct work w = forward(in, &in->splits[SPLIT_TRAIN], p->passes, p->micro_batches);

	w.flops *= 1 + BACKWARD;
	w.bytes *= 1 + BACKWARD;
	w.calls *= 1 + BACKWARD;
	w.bytes += 4 * trained_parameters(in) *
		   (p->steps * OPTIMIZER_USES + p->micro_batches * PARAMETER_USES);
	return seconds_of(in, w);
}

static double evaluation_seconds(const struct estimate_input *in, enum split split)
{
	const struct estimate_split *s = &in->splits[split];

	if (s->n == 0)
		return 0;
	double batches = ceil_of((double)s->n, (double)in->args->per_device_eval_batch_size);
	struct work w = forward(in, s, 1, batches);
	w.bytes += 4 * batches * dense_parameters(in->config);
	return seconds_of(in, w);
}

static double total_seconds(const struct estimate_input *in, const struct plan *p)
{
	double weights = 4 * (double)bert_config_n_parameters(in->config);
	double moments = 8 * trained_parameters(in);

	return OPEN_SECONDS + training_seconds(in, p) +
	       p->evaluations * evaluation_seconds(in, SPLIT_VALIDATION) +
	       evaluation_seconds(in, SPLIT_TEST) +
	       (weights + p->checkpoints * (weights + moments)) / DISK_BYTES;
}

/* --- memory --- */

#define BASE_CPU  200e6 /* the program with libtorch, before any model */
#define BASE_CUDA 600e6 /* the context and the libraries' workspace */

/* Tokens of the largest of n_batches random batches: the sum of `batch` lengths, some deviations
 * above its mean. */
static double largest_batch(const struct estimate_split *s, int64_t batch, double n_batches)
{
	double rows = fmin((double)batch, (double)s->n), mean = s->tokens / (double)s->n;
	double variance = fmax(0, s->squares / (double)s->n - mean * mean);
	double above = sqrt(2 * log(fmax(1, n_batches)) * variance * rows);

	return fmin(rows * mean + above, rows * (double)s->longest);
}

/* Activations of that batch while it is trained on. */
static double training_activations(const struct estimate_input *in, const struct plan *p)
{
	const struct estimate_split *s = &in->splits[SPLIT_TRAIN];
	double tokens = largest_batch(s, in->args->per_device_train_batch_size, p->micro_batches);
	double squares = fmin(s->squares / s->tokens * 1.2, (double)s->longest) * tokens;

	return 4 * kept_floats(in, tokens, squares);
}

/* Without gradients a layer's are gone when the next begins. */
static double evaluation_activations(const struct estimate_input *in, enum split split)
{
	const struct estimate_split *s = &in->splits[split];
	const struct bert_config *c = in->config;

	if (s->n == 0)
		return 0;
	double batches = ceil_of((double)s->n, (double)in->args->per_device_eval_batch_size);
	double tokens = largest_batch(s, in->args->per_device_eval_batch_size, batches);
	return 4 * tokens * (double)(8 * c->hidden_size + 2 * c->intermediate_size);
}

static double peak_bytes(const struct estimate_input *in, const struct plan *p)
{
	double weights = (double)bert_config_n_parameters(in->config);
	double rows = word_parameters(in), trained = trained_parameters(in);
	double gradients = 4 * trained, activations = training_activations(in, p);
	double evaluation = fmax(evaluation_activations(in, SPLIT_VALIDATION),
				 evaluation_activations(in, SPLIT_TEST));

	return (in->cuda ? BASE_CUDA : BASE_CPU) + 4 * (weights + rows) + 8 * trained +
	       (in->args->bf16 ? 2 * dense_parameters(in->config) : 0) +
	       fmax(evaluation, fmax(gradients, activations));
}

json_t *estimate_job(const struct estimate_input *in)
{
	BUG_ON(!(in->splits[SPLIT_TRAIN].tokens > 0));
	struct plan p = plan_of(in);
	double flos = trainer_flos(in->config, bert_config_n_parameters(in->config),
				   (int64_t)p.rows, in->max_length);

	return json_pack("{s:f, s:I, s:f}", "seconds", round(total_seconds(in, &p) * 10) / 10,
			 "peak_memory_bytes", (json_int_t)peak_bytes(in, &p), "total_flos", flos);
}
