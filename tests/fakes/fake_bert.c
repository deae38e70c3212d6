/* See fake_bert.h. */
#include "fake_bert.h"

#include "base/files.h"
#include "base/mem.h"
#include "model/bert.h"
#include "model/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct fake_bert fake_bert = { .fail_at_step = -1, .fail_times = 1, .nan_at_step = -1 };

enum { COLUMNS = FAKE_BERT_FEATURES + 1 }; /* the last one is the bias */

struct bert {
	struct bert_config config;
	bool train;
	bool initialised;
	int64_t n;	 /* parameters: num_labels × COLUMNS */
	int64_t n_steps; /* of the optimizer */
	float *weight;	 /* (num_labels, COLUMNS) */
	float *grad, *exp_avg, *exp_avg_sq;
};

void fake_bert_reset(void)
{
	int open_models = fake_bert.open_models;

	fake_bert = (struct fake_bert){ .fail_at_step = -1, .fail_times = 1, .nan_at_step = -1 };
	fake_bert.open_models = open_models;
}

static void sleep_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	if (ms > 0)
		nanosleep(&t, NULL);
}

/* splitmix64 of Steele, Lea and Flood. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static double uniform(uint64_t x)
{
	return (double)(mix(x) >> 11) * 0x1p-53;
}

static int feature_of(int32_t input_id)
{
	return (int)(mix((uint64_t)input_id) % FAKE_BERT_FEATURES);
}

/* --- open, save, restore --- */

static void initialise(struct bert *b, uint64_t seed)
{
	for (int64_t i = 0; i < b->n; i++) {
		bool bias = i % COLUMNS == FAKE_BERT_FEATURES;
		b->weight[i] =
			bias ? 0 : (float)((uniform(seed * 1000003 + (uint64_t)i) - 0.5) * 0.04);
	}
	b->initialised = true;
}

static enum err load_tensor(struct safetensors *st, const char *name, const struct bert *b,
			    float *out, struct errinfo *ei)
{
	const struct safetensors_tensor *t = safetensors_find(st, name);

	if (!t || t->n_elements != b->n)
		return err_set(ei, ERR_INVALID, "%s is missing or of another size", name);
	return safetensors_read(st, t, out, ei);
}

enum err bert_restore(struct bert *b, const char *dir, struct errinfo *ei)
{
	char *path = mem_printf("%s/model.safetensors", dir);
	struct safetensors *st = NULL;
	enum err e = safetensors_open(path, &st, ei);

	if (e == OK)
		e = load_tensor(st, "fake.weight", b, b->weight, ei);
	safetensors_close(st);
	free(path);
	return e;
}

static enum err fill(struct bert *b, const struct bert_open_args *args, struct errinfo *ei)
{
	enum err e = bert_config_read(args->dir, &b->config, ei);
	if (e != OK)
		return e;
	if (args->num_labels)
		bert_config_set_labels(&b->config, args->num_labels, args->labels);
	if (args->dropout >= 0)
		b->config.hidden_dropout_prob = args->dropout;
	b->train = args->train;
	b->n = (int64_t)b->config.num_labels * COLUMNS;
	b->weight = mem_zalloc((size_t)b->n, sizeof(float));
	b->grad = mem_zalloc((size_t)b->n, sizeof(float));
	b->exp_avg = mem_zalloc((size_t)b->n, sizeof(float));
	b->exp_avg_sq = mem_zalloc((size_t)b->n, sizeof(float));

	struct errinfo ignored;
	if (args->new_head || bert_restore(b, args->dir, &ignored) != OK)
		initialise(b, args->seed);
	return OK;
}

enum err bert_open(const struct bert_open_args *args, struct bert **out, struct errinfo *ei)
{
	fake_bert.opens++;
	sleep_ms(fake_bert.open_ms);
	if (fake_bert.fail_open != OK)
		return err_set(ei, fake_bert.fail_open,
			       "the fake model does not open, as the test wants");
	if (strcmp(args->device, "cpu") != 0)
		return err_set(ei, ERR_DEVICE, "the fake model has no device %s", args->device);
	struct bert *b = mem_zalloc(1, sizeof(*b));
	fake_bert.open_models++;
	enum err e = fill(b, args, ei);
	if (e == OK)
		*out = b;
	else
		bert_close(b);
	return e;
}

void bert_close(struct bert *b)
{
	if (!b)
		return;
	fake_bert.open_models--;
	bert_config_clear(&b->config);
	free(b->weight);
	free(b->grad);
	free(b->exp_avg);
	free(b->exp_avg_sq);
	free(b);
}

static enum err save_tensors(const char *path, const char *const *names, const float *const *data,
			     const int64_t *counts, int n, struct errinfo *ei)
{
	struct safetensors_item items[3] = { 0 };
	struct safetensors_writer *w;

	for (int i = 0; i < n; i++)
		items[i] = (struct safetensors_item){ .name = names[i],
						      .n_dims = 1,
						      .shape = { counts[i] } };
	enum err e = safetensors_create(path, items, n, &w, ei);
	if (e != OK)
		return e;
	for (int i = 0; i < n && e == OK; i++)
		e = safetensors_put(w, data[i], counts[i], ei);
	if (e == OK)
		return safetensors_finish(w, ei);
	safetensors_abandon(w);
	return e;
}

enum err bert_save(const struct bert *b, const char *dir, struct errinfo *ei)
{
	if (fake_bert.fail_save != OK)
		return err_set(ei, fake_bert.fail_save,
			       "the fake model is not saved, as the test wants");
	fake_bert.saves++;
	enum err e = bert_config_write(&b->config, dir, ei);
	if (e != OK)
		return e;
	char *path = mem_printf("%s/model.safetensors", dir);
	e = save_tensors(path, (const char *[]){ "fake.weight" }, (const float *[]){ b->weight },
			 &b->n, 1, ei);
	free(path);
	return e;
}

enum err bert_optimizer_save(const struct bert *b, const char *path, struct errinfo *ei)
{
	const float step = (float)b->n_steps;

	return save_tensors(path, (const char *[]){ "exp_avg", "exp_avg_sq", "step" },
			    (const float *[]){ b->exp_avg, b->exp_avg_sq, &step },
			    (int64_t[]){ b->n, b->n, 1 }, 3, ei);
}

enum err bert_optimizer_load(struct bert *b, const char *path, struct errinfo *ei)
{
	struct safetensors *st = NULL;
	float step = 0;
	enum err e = safetensors_open(path, &st, ei);

	if (e == OK)
		e = load_tensor(st, "exp_avg", b, b->exp_avg, ei);
	if (e == OK)
		e = load_tensor(st, "exp_avg_sq", b, b->exp_avg_sq, ei);
	const struct safetensors_tensor *t = e == OK ? safetensors_find(st, "step") : NULL;
	if (e == OK)
		e = t && t->n_elements == 1 ? safetensors_read(st, t, &step, ei)
					    : err_set(ei, ERR_INVALID, "step is missing");
	b->n_steps = (int64_t)step;
	safetensors_close(st);
	return e;
}

/* --- what it is --- */

const struct bert_config *bert_get_config(const struct bert *b)
{
	return &b->config;
}

static const char *const initialised_names[] = { "classifier.bias", "classifier.weight" };

int bert_n_initialised(const struct bert *b)
{
	return b->initialised ? 2 : 0;
}

const char *bert_initialised(const struct bert *b, int i)
{
	return i < bert_n_initialised(b) ? initialised_names[i] : NULL;
}

int64_t bert_n_parameters(const struct bert *b)
{
	return b->n;
}

int64_t bert_bytes(const struct bert *b)
{
	return b->n * (int64_t)sizeof(float);
}

enum err bert_device_info(const char *device, struct bert_device_info *out, struct errinfo *ei)
{
	if (strcmp(device, "cpu") != 0)
		return err_set(ei, ERR_DEVICE, "the fake model has no device %s", device);
	*out = (struct bert_device_info){ .name = "fake", .libtorch = "none", 1 << 30, 1 << 30 };
	return OK;
}

enum err bert_device_speed(const char *device, bool bf16, struct bert_speed *out,
			   struct errinfo *ei)
{
	(void)bf16;
	if (strcmp(device, "cpu") != 0)
		return err_set(ei, ERR_DEVICE, "the fake model has no device %s", device);
	*out = (struct bert_speed){ .flops = 1e11, .bytes_per_second = 1e10, .call_seconds = 1e-6 };
	return OK;
}

void bert_set_threads(int n)
{
	(void)n;
}

/* --- forward and backward --- */

/* Mean of the features of one sequence; a token that is dropped counts 0, the others more. */
static void features_of(const struct bert_batch *batch, int seq, double dropout, uint64_t noise,
			double *out)
{
	int start = batch->cu_seqlens[seq], end = batch->cu_seqlens[seq + 1];

	memset(out, 0, COLUMNS * sizeof(*out));
	for (int t = start; t < end; t++) {
		if (dropout > 0 && uniform(noise + (uint64_t)t) < dropout)
			continue;
		out[feature_of(batch->input_ids[t])] += 1.0 / ((end - start) * (1 - dropout));
	}
	out[FAKE_BERT_FEATURES] = 1;
}

static void logits_of(const struct bert *b, const double *features, double *out)
{
	for (int k = 0; k < b->config.num_labels; k++) {
		out[k] = 0;
		for (int f = 0; f < COLUMNS; f++)
			out[k] += features[f] * (double)b->weight[(int64_t)k * COLUMNS + f];
	}
}

enum err bert_forward(struct bert *b, const struct bert_batch *batch, float *logits,
		      struct errinfo *ei)
{
	int n_labels = b->config.num_labels;
	double *features = mem_zalloc((size_t)COLUMNS + (size_t)n_labels, sizeof(double)),
	       *out = features + COLUMNS;

	fake_bert.forwards++;
	fake_bert.forward_tokens += batch->n_tokens;
	if (batch->n_seqs > fake_bert.largest_forward)
		fake_bert.largest_forward = batch->n_seqs;
	sleep_ms(fake_bert.forward_ms);
	for (int s = 0; s < batch->n_seqs; s++) {
		features_of(batch, s, 0, 0, features);
		logits_of(b, features, out);
		for (int k = 0; k < n_labels; k++)
			logits[s * n_labels + k] = (float)out[k];
	}
	free(features);
	return fake_bert.fail_forward == OK
		       ? OK
		       : err_set(ei, fake_bert.fail_forward,
				 "the fake model does not answer, as the test wants");
}

/* Turns logits into softmax(logits) - onehot(label) and returns the cross-entropy. */
static double cross_entropy(double *logits, int n, int label)
{
	double max = logits[0], sum = 0, loss;

	for (int k = 1; k < n; k++)
		max = fmax(max, logits[k]);
	for (int k = 0; k < n; k++)
		sum += exp(logits[k] - max);
	loss = log(sum) + max - logits[label];
	for (int k = 0; k < n; k++)
		logits[k] = exp(logits[k] - max) / sum - (k == label);
	return loss;
}

static double backward(struct bert *b, const struct bert_batch *batch, double dropout,
		       uint64_t noise)
{
	int n_labels = b->config.num_labels;
	double *features = mem_zalloc((size_t)COLUMNS + (size_t)n_labels, sizeof(double)),
	       *out = features + COLUMNS;
	double loss = 0, scale = batch->loss_scale / batch->n_seqs;

	for (int s = 0; s < batch->n_seqs; s++) {
		features_of(batch, s, dropout, noise, features);
		logits_of(b, features, out);
		loss += cross_entropy(out, n_labels, batch->labels[s]) * scale;
		for (int64_t i = 0; i < b->n; i++)
			b->grad[i] += (float)(out[i / COLUMNS] * features[i % COLUMNS] * scale);
	}
	free(features);
	return loss;
}

static double gradient_norm(const struct bert *b)
{
	double sum = 0;

	for (int64_t i = 0; i < b->n; i++)
		sum += (double)b->grad[i] * (double)b->grad[i];
	return sqrt(sum);
}

static void adamw(struct bert *b, const struct bert_step *step, double clip)
{
	double lr = step->learning_rate * FAKE_BERT_LR_SCALE, b1 = step->adam_beta1,
	       b2 = step->adam_beta2;
	double t = (double)++b->n_steps, c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);

	for (int64_t i = 0; i < b->n; i++) {
		bool bias = i % COLUMNS == FAKE_BERT_FEATURES;
		double g = (double)b->grad[i] * clip;
		double decay = bias ? 0 : step->learning_rate * step->weight_decay;
		b->exp_avg[i] = (float)(b1 * (double)b->exp_avg[i] + (1 - b1) * g);
		b->exp_avg_sq[i] = (float)(b2 * (double)b->exp_avg_sq[i] + (1 - b2) * g * g);
		double m = (double)b->exp_avg[i] / c1, v = (double)b->exp_avg_sq[i] / c2;
		b->weight[i] = (float)((double)b->weight[i] * (1 - decay) -
				       lr * m / (sqrt(v) + step->adam_epsilon));
	}
}

static enum err fault_of_step(const struct bert_step *step, struct errinfo *ei)
{
	if (step->step != fake_bert.fail_at_step || fake_bert.fail_times <= 0)
		return OK;
	fake_bert.fail_times--;
	return err_set(ei, fake_bert.fail_with,
		       "the fake model fails at step %lld, as the test wants",
		       (long long)step->step);
}

enum err bert_train_step(struct bert *b, const struct bert_batch *micro, int n_micro,
			 const struct bert_step *step, double *loss, double *grad_norm,
			 struct errinfo *ei)
{
	BUG_ON(!b->train);
	fake_bert.steps++;
	if (fake_bert.on_step)
		fake_bert.on_step(step->step);
	sleep_ms(fake_bert.step_ms);
	enum err e = fault_of_step(step, ei);
	if (e != OK)
		return e;
	*loss = 0;
	memset(b->grad, 0, (size_t)b->n * sizeof(float));
	for (int i = 0; i < n_micro; i++)
		*loss += backward(b, &micro[i], b->config.hidden_dropout_prob,
				  mix(mix(step->seed) + (uint64_t)step->step * 1024 + (uint64_t)i));
	*grad_norm = gradient_norm(b);
	if (step->step == fake_bert.nan_at_step)
		*loss = NAN;
	if (!isfinite(*loss) || !isfinite(*grad_norm))
		return OK;
	double clip =
		step->max_grad_norm > 0 ? fmin(1, step->max_grad_norm / (*grad_norm + 1e-6)) : 1;
	adamw(b, step, clip);
	return OK;
}

enum err bert_gradients_save(struct bert *b, const struct bert_batch *batch, uint64_t dropout_seed,
			     const char *path, struct errinfo *ei)
{
	memset(b->grad, 0, (size_t)b->n * sizeof(float));
	backward(b, batch, b->config.hidden_dropout_prob, mix(dropout_seed));
	return save_tensors(path, (const char *[]){ "fake.weight" }, (const float *[]){ b->grad },
			    &b->n, 1, ei);
}
