/* Metrics of small confusion matrices that can be checked by hand; tests/golden compares with
 * scikit-learn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "train/metrics.h"

static void close_to(double got, double want)
{
	if (!(fabs(got - want) < 1e-12))
		fail_msg("%.17g is not %.17g", got, want);
}

static void two_classes_by_hand(void **state)
{
	static const int64_t confusion[] = { 3, 1, 2, 4 };
	struct metrics_summary s = metrics_summarize(confusion, 2);
	struct metrics_class c[2];

	(void)state;
	metrics_classes(confusion, 2, c);
	close_to(s.accuracy, 0.7);
	close_to(c[0].precision, 3.0 / 5);
	close_to(c[0].recall, 3.0 / 4);
	close_to(c[0].f1, 6.0 / 9);
	close_to(c[1].f1, 8.0 / 11);
	assert_int_equal(c[1].support, 6);
	close_to(s.f1, (6.0 / 9 + 8.0 / 11) / 2);
}

static void a_class_never_predicted_counts_zero_and_lowers_the_mean(void **state)
{
	static const int64_t confusion[] = { 2, 0, 2, 0 };
	struct metrics_summary s = metrics_summarize(confusion, 2);

	(void)state;
	close_to(s.precision, 0.25);
	close_to(s.recall, 0.5);
	close_to(s.f1, 4.0 / 6 / 2);
}

static void a_class_that_does_not_occur_is_left_out_of_the_mean(void **state)
{
	static const int64_t confusion[] = { 2, 0, 0, 0, 2, 0, 0, 0, 0 };

	(void)state;
	close_to(metrics_summarize(confusion, 3).f1, 1);
}

static void a_class_only_predicted_counts_in_the_mean(void **state)
{
	static const int64_t confusion[] = { 2, 2, 0, 0 };
	struct metrics_summary s = metrics_summarize(confusion, 2);

	(void)state;
	close_to(s.accuracy, 0.5);
	close_to(s.recall, 0.25);
}

static void an_empty_matrix_gives_zeros(void **state)
{
	static const int64_t confusion[4] = { 0 };
	struct metrics_summary s = metrics_summarize(confusion, 2);

	(void)state;
	assert_true(s.accuracy == 0 && s.precision == 0 && s.recall == 0 && s.f1 == 0);
}

static void argmax_takes_the_first_of_equals(void **state)
{
	(void)state;
	assert_int_equal(metrics_argmax((float[]){ 1, 3, 3, 2 }, 4), 1);
	assert_int_equal(metrics_argmax((float[]){ -5 }, 1), 0);
}

static void cross_entropy_survives_large_logits(void **state)
{
	(void)state;
	close_to(metrics_cross_entropy((float[]){ 0, 0 }, 2, 1), log(2));
	close_to(metrics_cross_entropy((float[]){ 1000, 0 }, 2, 0), 0);
	close_to(metrics_cross_entropy((float[]){ 1000, 0 }, 2, 1), 1000);
	close_to(metrics_cross_entropy((float[]){ -1000, -1000, -1000 }, 3, 2), log(3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_classes_by_hand),
		cmocka_unit_test(a_class_never_predicted_counts_zero_and_lowers_the_mean),
		cmocka_unit_test(a_class_that_does_not_occur_is_left_out_of_the_mean),
		cmocka_unit_test(a_class_only_predicted_counts_in_the_mean),
		cmocka_unit_test(an_empty_matrix_gives_zeros),
		cmocka_unit_test(argmax_takes_the_first_of_equals),
		cmocka_unit_test(cross_entropy_survives_large_logits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
