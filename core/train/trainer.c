/* The Trainer's loop over optimizer steps: see trainer.h. What follows a step is in actions.c. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include "train/loop.h"
#include "train/order.h"
#include "train/schedule.h"

/* --- counting --- */

static int64_t ceil_div(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

int64_t trainer_epoch_steps(const struct train_args *a, int64_t n_train)
{
	return ceil_div(ceil_div(n_train, a->per_device_train_batch_size),
			a->gradient_accumulation_steps);
}

int64_t trainer_total_steps(const struct train_args *a, int64_t n_train)
{
	if (a->max_steps > 0)
		return a->max_steps;
	return (int64_t)ceil(a->num_train_epochs * (double)trainer_epoch_steps(a, n_train));
}

double trainer_flos(const struct bert_config *c, int64_t n_parameters, int64_t rows, int max_length)
{
	int64_t tables =
		(c->vocab_size + c->max_position_embeddings + c->type_vocab_size) * c->hidden_size;

	return 6.0 * (double)(rows * max_length) * fmax(0, (double)(n_parameters - tables));
}

double loop_seconds(const struct loop *l)
{
	return l->s.seconds + clock_monotonic() - l->started;
}

double loop_training_loss(const struct loop *l)
{
	return l->s.global_step ? (l->s.total_loss + l->s.window_loss) / (double)l->s.global_step
				: 0;
}

/* --- one step --- */

/* The rows of an epoch in their order. */
static const int64_t *rows_of_epoch(struct loop *l, int64_t epoch)
{
	if (l->run->order)
		return l->run->order + epoch * l->train->n;
	int64_t *order = (int64_t *)(void *)l->order.data;
	if (l->order_of != epoch) {
		order_epoch((uint64_t)l->args->seed, epoch, l->train->n, order);
		spool_forget(&l->order);
	}
	l->order_of = epoch;
	return order;
}

/* Packs the micro-batches of the next step: as many as accumulation wants, fewer at the end of an
 * epoch, each weighing the same. Returns their number and adds their rows to *rows. */
static int pack_step(struct loop *l, int64_t *rows)
{
	int64_t batch = l->args->per_device_train_batch_size,
		accumulate = l->args->gradient_accumulation_steps;
	int64_t first = l->s.global_step % l->epoch_steps * accumulate;
	int64_t left = l->epoch_batches - first;
	int n = (int)(left < accumulate ? left : accumulate);
	const int64_t *order = rows_of_epoch(l, l->s.global_step / l->epoch_steps);

	for (int i = 0; i < n; i++) {
		int64_t at = (first + i) * batch;
		int64_t size = l->train->n - at < batch ? l->train->n - at : batch;

		l->micro[i] = packer_batch(&l->packers[i], l->train, order + at, 0, size, 1.0 / n);
		*rows += size;
	}
	return n;
}

static struct bert_step step_settings(const struct loop *l)
{
	const struct train_args *a = l->args;

	return (struct bert_step){ .step = l->s.global_step,
				   .seed = (uint64_t)a->seed,
				   .learning_rate = l->learning_rate,
				   .weight_decay = a->weight_decay,
				   .adam_beta1 = a->adam_beta1,
				   .adam_beta2 = a->adam_beta2,
				   .adam_epsilon = a->adam_epsilon,
				   .max_grad_norm = a->max_grad_norm };
}

/* The epoch as a number: whole epochs, and the share of this one's batches. */
static double epoch_now(const struct loop *l)
{
	int64_t step = l->s.global_step - 1;
	int64_t batches = (step % l->epoch_steps + 1) * l->args->gradient_accumulation_steps;

	if (batches > l->epoch_batches)
		batches = l->epoch_batches;
	return (double)(step / l->epoch_steps) + (double)batches / (double)l->epoch_batches;
}

static void report_progress(const struct loop *l, double loss, double step_seconds)
{
	const struct trainer_hooks *h = &l->run->hooks;
	double seconds = clock_monotonic() - l->started;
	int64_t done = l->s.global_step - l->first_step;
	struct trainer_progress p = { .epoch = l->s.epoch,
				      .step = l->s.global_step,
				      .total_steps = l->s.max_steps,
				      .seconds_remaining = -1,
				      .loss = loss,
				      .step_seconds = step_seconds };

	if (done > 0)
		p.seconds_remaining =
			seconds / (double)done * (double)(l->s.max_steps - l->s.global_step);
	if (seconds > 0)
		p.samples_per_second = (double)l->rows / seconds;
	if (h->progress)
		h->progress(h->ctx, &p);
}

static enum err diverged(const struct loop *l, const char *what, struct errinfo *ei)
{
	return err_set(ei, ERR_MODEL,
		       "training diverged: the %s of step %lld is not finite; a smaller "
		       "learning_rate, more "
		       "warmup_steps or a smaller max_grad_norm may help",
		       what, (long long)l->s.global_step + 1);
}

static enum err train_step(struct loop *l, struct errinfo *ei)
{
	double loss, start = clock_monotonic();
	int64_t rows = 0;
	int n_micro = pack_step(l, &rows);

	l->learning_rate = schedule_learning_rate(l->args, l->s.global_step, l->s.max_steps);
	struct bert_step settings = step_settings(l);
	enum err e = bert_train_step(l->run->model, l->micro, n_micro, &settings, &loss,
				     &l->grad_norm, ei);
	if (e != OK)
		return e;
	if (!isfinite(loss))
		return diverged(l, "loss", ei);
	if (!isfinite(l->grad_norm))
		return diverged(l, "gradient norm", ei);
	l->s.window_loss += loss;
	l->s.total_flos += trainer_flos(bert_get_config(l->run->model),
					bert_n_parameters(l->run->model), rows, l->run->max_length);
	l->rows += rows;
	l->s.global_step++;
	l->s.epoch = epoch_now(l);
	loop_plan(l);
	report_progress(l, loss, clock_monotonic() - start);
	return OK;
}

/* --- begin and end --- */

static void loop_init(struct loop *l, const struct trainer_run *run)
{
	const struct train_args *a = run->args;
	size_t n_micro = (size_t)a->gradient_accumulation_steps;

	*l = (struct loop){ .run = run, .args = a, .order_of = -1, .started = clock_monotonic() };
	l->train = &run->splits[SPLIT_TRAIN];
	l->validation = &run->splits[SPLIT_VALIDATION];
	l->test = &run->splits[SPLIT_TEST];
	BUG_ON(l->train->n < 1);
	l->evaluates = a->eval_strategy != STRATEGY_NO && l->validation->n > 0;
	l->epoch_batches = ceil_div(l->train->n, a->per_device_train_batch_size);
	l->epoch_steps = trainer_epoch_steps(a, l->train->n);
	l->packers = mem_zalloc(n_micro, sizeof(*l->packers));
	l->micro = mem_zalloc(n_micro, sizeof(*l->micro));
	trainer_state_init(&l->s);
	l->s.n_train = l->train->n;
	l->s.max_steps = trainer_total_steps(a, l->train->n);
}

static void loop_clear(struct loop *l)
{
	for (int64_t i = 0; i < l->args->gradient_accumulation_steps; i++)
		packer_clear(&l->packers[i]);
	free(l->packers);
	free(l->micro);
	spool_close(&l->order);
	json_decref(l->test_metrics);
	trainer_state_clear(&l->s);
}

static enum err load_optimizer(const struct loop *l, struct errinfo *ei)
{
	char *path = mem_printf("%s/optimizer.safetensors", l->run->resume);
	enum err e = bert_optimizer_load(l->run->model, path, ei);

	free(path);
	return e;
}

static enum err load_state(struct loop *l, struct errinfo *ei)
{
	int64_t max_steps = l->s.max_steps, n_train = l->s.n_train;
	json_t *object = NULL;
	enum err e = checkpoint_read_state(l->run->resume, &object, ei);

	if (e == OK)
		e = trainer_state_read(object, &l->s, ei);
	if (e == OK && (l->s.max_steps != max_steps || l->s.n_train != n_train))
		e = err_set(ei, ERR_INVALID,
			    "the checkpoint is of another run: it has %lld steps over %lld rows, "
			    "not %lld over %lld",
			    (long long)l->s.max_steps, (long long)l->s.n_train,
			    (long long)max_steps, (long long)n_train);
	json_decref(object);
	return e;
}

/* Removes the checkpoints that the run will write again. */
static enum err remove_newer(struct loop *l, struct errinfo *ei)
{
	int64_t *steps;
	int n;
	enum err e = checkpoint_list(l->run->dir, &steps, &n, ei);

	for (int i = 0; e == OK && i < n; i++)
		if (steps[i] > l->s.global_step)
			e = loop_remove_checkpoint(l, steps[i], ei);
	free(steps);
	return e;
}

/* On disk, so that memory does not grow with the rows. */
static enum err make_order(struct loop *l, struct errinfo *ei)
{
	if (l->run->order)
		return OK;
	enum err e = spool_open(&l->order, l->run->dir, ei);
	return e == OK ? spool_resize(&l->order, l->train->n * (int64_t)sizeof(int64_t), ei) : e;
}

static enum err begin(struct loop *l, struct errinfo *ei)
{
	enum err e = files_make_dirs(l->run->dir, ei);

	if (e == OK)
		e = make_order(l, ei);
	if (e == OK)
		e = checkpoint_sweep(l->run->dir, ei);
	if (e == OK && l->run->resume)
		e = load_state(l, ei);
	if (e == OK && l->run->resume)
		e = load_optimizer(l, ei);
	if (e == OK)
		e = remove_newer(l, ei);
	l->first_step = l->s.global_step;
	l->started = clock_monotonic();
	return e;
}

static void fill_result(struct loop *l, struct trainer_result *out)
{
	bool best = l->args->load_best_model_at_end && l->s.best_checkpoint > 0;
	const json_t *metrics =
		trainer_state_evaluation(&l->s, best ? l->s.best_checkpoint : l->s.last_evaluated);

	*out = (struct trainer_result){
		.global_step = l->s.global_step,
		.epoch = l->s.epoch,
		.training_loss = loop_training_loss(l),
		.eval_metrics = json_incref((json_t *)metrics),
		.test_metrics = json_incref(l->test_metrics),
		.best_metric = l->s.best_metric,
		.best_step = l->s.best_step,
	};
}

enum err trainer_run(const struct trainer_run *run, struct trainer_result *out, struct errinfo *ei)
{
	struct loop l;

	loop_init(&l, run);
	enum err e = begin(&l, ei);
	if (e == OK) {
		report_progress(&l, NAN, 0);
		e = loop_settle(&l, ei);
	}
	while (e == OK && !l.s.stop) {
		e = loop_ask(&l, ei);
		if (e == OK)
			e = train_step(&l, ei);
		if (e == OK)
			e = loop_settle(&l, ei);
	}
	if (e == OK)
		fill_result(&l, out);
	loop_clear(&l);
	return e;
}

void trainer_result_clear(struct trainer_result *r)
{
	json_decref(r->eval_metrics);
	json_decref(r->test_metrics);
	*r = (struct trainer_result){ 0 };
}

enum err trainer_last_checkpoint(const char *dir, int64_t *step, char **path, struct errinfo *ei)
{
	int64_t *steps;
	int n;
	enum err e = checkpoint_list(dir, &steps, &n, ei);

	*step = 0;
	*path = NULL;
	while (e == OK && n > 0 && !*path) {
		if (!checkpoint_is_complete(dir, steps[--n]))
			continue;
		*step = steps[n];
		*path = checkpoint_path(dir, *step);
	}
	free(steps);
	return e;
}
