/* Evaluation of a split over the fake model. */
#include "trainer_fixture.h"

#include <math.h>

#include "train/evaluate.h"

static void open_model(struct fixture *f)
{
	struct bert_open_args open = { .dir = f->base,
				       .num_labels = FIXTURE_LABELS,
				       .labels = fixture_labels,
				       .device = "cpu",
				       .seed = 1,
				       .dropout = -1 };

	assert_int_equal(bert_open(&open, &f->model, &f->ei), OK);
}

static json_t *run(struct fixture *f, enum split split, int64_t batch_size)
{
	json_t *metrics = NULL;

	assert_int_equal(evaluate(f->model, &f->splits[split], batch_size, fixture_labels,
				  FIXTURE_LABELS, NULL, NULL, &metrics, &f->ei),
			 OK);
	return metrics;
}

static int64_t cell(const json_t *metrics, size_t i, size_t j)
{
	const json_t *rows = json_object_get(metrics, "confusion_matrix");

	return json_integer_value(json_array_get(json_array_get(rows, i), j));
}

static void the_confusion_matrix_counts_every_row_once(void **state)
{
	struct fixture *f = *state;

	open_model(f);
	json_t *m = run(f, SPLIT_TRAIN, 8);
	assert_int_equal(cell(m, 0, 0) + cell(m, 0, 1), 11);
	assert_int_equal(cell(m, 1, 0) + cell(m, 1, 1), 10);
	assert_true(json_number_value(json_object_get(m, "eval_accuracy")) ==
		    (double)(cell(m, 0, 0) + cell(m, 1, 1)) / 21);
	json_decref(m);
}

static void each_class_is_named_with_its_support(void **state)
{
	struct fixture *f = *state;

	open_model(f);
	json_t *m = run(f, SPLIT_TRAIN, 8);
	const json_t *second = json_array_get(json_object_get(m, "per_class"), 1);
	assert_string_equal(json_string_value(json_object_get(second, "label")), "positive");
	assert_int_equal(json_integer_value(json_object_get(second, "support")), 10);
	json_decref(m);
}

static void the_loss_is_the_mean_over_rows_whatever_the_batch(void **state)
{
	struct fixture *f = *state;

	open_model(f);
	json_t *one = run(f, SPLIT_TRAIN, 1), *many = run(f, SPLIT_TRAIN, 8);
	double a = json_number_value(json_object_get(one, "eval_loss"));
	double b = json_number_value(json_object_get(many, "eval_loss"));

	assert_true(a > 0.5 && fabs(a - b) < 1e-12);
	assert_int_equal(fake_bert.forwards, 21 + 3);
	assert_int_equal(fake_bert.largest_forward, 8);
	json_decref(one);
	json_decref(many);
}

static bool twice(void *asked)
{
	return ++*(int *)asked <= 2;
}

static void it_stops_before_the_batch_that_it_may_not_run(void **state)
{
	struct fixture *f = *state;
	json_t *metrics = NULL;
	int asked = 0;

	open_model(f);
	assert_int_equal(evaluate(f->model, &f->splits[SPLIT_TRAIN], 8, fixture_labels,
				  FIXTURE_LABELS, twice, &asked, &metrics, &f->ei),
			 ERR_CANCELLED);
	assert_null(metrics);
	assert_int_equal(fake_bert.forwards, 2);
}

static void times_are_rounded_as_in_the_records_of_the_trainer(void **state)
{
	(void)state;
	assert_true(evaluate_round(51.70049, 4) == 51.7005);
	assert_true(evaluate_round(36.2464, 3) == 36.246);
	assert_true(evaluate_round(0, 4) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(the_confusion_matrix_counts_every_row_once),
		RUN(each_class_is_named_with_its_support),
		RUN(the_loss_is_the_mean_over_rows_whatever_the_batch),
		RUN(it_stops_before_the_batch_that_it_may_not_run),
		RUN(times_are_rounded_as_in_the_records_of_the_trainer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
