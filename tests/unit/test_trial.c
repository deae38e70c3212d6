/* A served model on a data set: the sums, the stops, and the errors that come back from the
 * batcher. */
#include "serve_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "memfile.h"
#include "serve/trial.h"

#define N_ROWS 23

static enum err open_rows(void *ctx, const char *file, int *fd, struct errinfo *why)
{
	char text[1024] = "text,label\n";

	(void)ctx;
	(void)why;
	for (int i = 0; i < N_ROWS; i++)
		sprintf(text + strlen(text), "%c %c,%s\n", 'a' + i, 'b' + i % 7,
			i % 3 ? "good" : "bad");
	*fd = memfile_text(file[0] == '-' ? "text,label\na,worse\n" : text);
	return OK;
}

/* An open data set of one file and these classes; the spec lives until the next call. */
static struct dataset *open_data(const char *file, int n_labels, struct faults *faults)
{
	static char *labels[] = { "bad", "good", "ugly" };
	static struct dataset_spec spec;
	json_t *o = json_pack("{s:s}", "test", file);
	struct dataset *d = NULL;

	free(spec.splits[SPLIT_TEST].file);
	free(spec.text_column);
	free(spec.label_column);
	assert_true(dataset_spec_read_test(o, "#/dataset", &spec, faults));
	json_decref(o);
	spec.labels = labels;
	spec.n_labels = n_labels;
	enum err e = dataset_open(&spec, &dataset_default_limits, NULL, open_rows, NULL, &d, faults,
				  &ei);
	assert_int_equal(e == OK, d != NULL);
	return d;
}

static int left; /* requests that go_on still allows */

static bool go_on(void *ctx)
{
	(void)ctx;
	return left-- > 0;
}

static enum err try(struct dataset *d, int64_t batch_size, json_t **metrics)
{
	struct faults faults = { 0 };
	struct trial t = { .serve = serve,
			   .model_id = "a",
			   .dir = dir_a,
			   .data = d,
			   .batch_size = batch_size,
			   .go_on = go_on };
	enum err e = trial_run(&t, metrics, &faults, &ei);

	faults_clear(&faults);
	return e;
}

static double number(const json_t *metrics, const char *name)
{
	return json_number_value(json_object_get(metrics, name));
}

static void the_sums_do_not_depend_on_the_batch(void **state)
{
	struct faults faults = { 0 };
	struct dataset *d = open_data("rows", 2, &faults);
	json_t *one = NULL, *many = NULL;

	(void)state;
	left = 1000;
	assert_int_equal(try(d, 1, &one), OK);
	assert_int_equal(left, 1000 - N_ROWS);
	assert_int_equal(try(d, 8, &many), OK);
	assert_int_equal(left, 1000 - N_ROWS - 3);
	assert_true(number(one, "eval_loss") == number(many, "eval_loss"));
	assert_true(number(one, "eval_loss") > 0.1);
	assert_true(json_equal(json_object_get(one, "confusion_matrix"),
			       json_object_get(many, "confusion_matrix")));
	const json_t *bad = json_array_get(json_object_get(one, "per_class"), 0);
	assert_string_equal(json_string_value(json_object_get(bad, "label")), "bad");
	assert_int_equal(json_integer_value(json_object_get(bad, "support")), 8);
	json_decref(one);
	json_decref(many);
	dataset_close(d);
}

static void it_stops_when_it_may_not_go_on(void **state)
{
	struct faults faults = { 0 };
	struct dataset *d = open_data("rows", 2, &faults);
	struct serve_stats stats;
	json_t *metrics = NULL;

	(void)state;
	left = 2;
	assert_int_equal(try(d, 4, &metrics), ERR_CANCELLED);
	assert_null(metrics);
	serve_get_stats(serve, &stats);
	assert_int_equal(stats.texts, 8);
	dataset_close(d);
}

static void a_full_queue_is_waited_for(void **state)
{
	struct faults faults = { 0 };
	struct dataset *d = open_data("rows", 2, &faults);
	struct serve_request *rq = serve_request_new(QUEUE_TEXTS);
	json_t *metrics = NULL;
	ANSWERS(a);

	(void)state;
	fake_bert.open_ms = 100; /* meanwhile all of them wait */
	strcpy(rq->model_id, "b");
	rq->dir = mem_strdup(dir_b);
	rq->done = answered;
	rq->ctx = &a;
	for (int i = 0; i < QUEUE_TEXTS; i++)
		set_text(rq, i, letters(i, 3));
	assert_int_equal(serve_submit(serve, rq, &ei), OK);
	left = 100000;
	assert_int_equal(try(d, 8, &metrics), OK);
	assert_true(left < 100000 - 3);
	await(&a, 1);
	serve_request_free(rq);
	json_decref(metrics);
	dataset_close(d);
}

static void errors_of_the_model_come_back(void **state)
{
	struct faults faults = { 0 };
	struct dataset *d = open_data("rows", 3, &faults);
	json_t *metrics = NULL;

	(void)state;
	left = 100;
	assert_int_equal(try(d, 8, &metrics), ERR_CONFLICT); /* it has two labels */
	fake_bert.fail_open = ERR_INVALID;
	serve_drop(serve, "a");
	assert_int_equal(try(d, 8, &metrics), ERR_INVALID);
	assert_null(metrics);
	dataset_close(d);
}

static void a_label_that_the_model_lacks_is_a_fault(void **state)
{
	struct faults faults = { 0 };

	(void)state;
	assert_null(open_data("-", 2, &faults));
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(faults.list, 0), "pointer")),
		"#/dataset/test");
	faults_clear(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_sums_do_not_depend_on_the_batch),
		TEST(it_stops_when_it_may_not_go_on),
		TEST(a_full_queue_is_waited_for),
		TEST(errors_of_the_model_come_back),
		TEST(a_label_that_the_model_lacks_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
