/* Learning rates at the corners of each schedule; tests/golden compares whole runs with
 * transformers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "train/schedule.h"

static struct train_args args(enum schedule kind, int64_t warmup_steps, double warmup_ratio)
{
	struct train_args a;

	train_args_init(&a);
	a.lr_scheduler_type = kind;
	a.learning_rate = 1;
	a.warmup_steps = warmup_steps;
	a.warmup_ratio = warmup_ratio;
	return a;
}

static void rates_at_the_corners_are_exact(void **state)
{
	static const struct {
		enum schedule kind;
		int64_t warmup, step;
		double rate;
	} cases[] = {
		{ SCHEDULE_LINEAR, 0, 0, 1 },
		{ SCHEDULE_LINEAR, 0, 50, 0.5 },
		{ SCHEDULE_LINEAR, 0, 99, 0.01 },
		{ SCHEDULE_LINEAR, 0, 100, 0 },
		{ SCHEDULE_LINEAR, 0, 101, 0 },
		{ SCHEDULE_LINEAR, 20, 0, 0 },
		{ SCHEDULE_LINEAR, 20, 5, 0.25 },
		{ SCHEDULE_LINEAR, 20, 20, 1 },
		{ SCHEDULE_LINEAR, 20, 60, 0.5 },
		{ SCHEDULE_COSINE, 0, 0, 1 },
		{ SCHEDULE_COSINE, 20, 10, 0.5 },
		{ SCHEDULE_COSINE, 20, 20, 1 },
		{ SCHEDULE_COSINE, 0, 100, 0 },
		{ SCHEDULE_CONSTANT, 20, 0, 1 },
		{ SCHEDULE_CONSTANT, 0, 99, 1 },
		{ SCHEDULE_CONSTANT_WITH_WARMUP, 4, 1, 0.25 },
		{ SCHEDULE_CONSTANT_WITH_WARMUP, 4, 99, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct train_args a = args(cases[i].kind, cases[i].warmup, 0);
		double got = schedule_learning_rate(&a, cases[i].step, 100);

		if (got != cases[i].rate)
			fail_msg("case %zu: %.17g", i, got);
	}
}

static void cosine_is_half_way_down_in_the_middle(void **state)
{
	struct train_args a = args(SCHEDULE_COSINE, 0, 0);

	(void)state;
	assert_true(schedule_learning_rate(&a, 50, 100) > 0.4999999);
	assert_true(schedule_learning_rate(&a, 50, 100) < 0.5000001);
}

static void warmup_ratio_is_rounded_up_and_yields_to_warmup_steps(void **state)
{
	struct train_args ratio = args(SCHEDULE_LINEAR, 0, 0.1),
			  both = args(SCHEDULE_LINEAR, 3, 0.1);

	(void)state;
	assert_int_equal(schedule_warmup(&ratio, 237), 24);
	assert_int_equal(schedule_warmup(&both, 237), 3);
}

static void a_warmup_longer_than_the_run_never_divides_by_zero(void **state)
{
	struct train_args a = args(SCHEDULE_LINEAR, 200, 0);

	(void)state;
	assert_true(schedule_learning_rate(&a, 99, 100) == 99.0 / 200);
	a.warmup_steps = 100;
	assert_true(schedule_learning_rate(&a, 100, 100) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_at_the_corners_are_exact),
		cmocka_unit_test(cosine_is_half_way_down_in_the_middle),
		cmocka_unit_test(warmup_ratio_is_rounded_up_and_yields_to_warmup_steps),
		cmocka_unit_test(a_warmup_longer_than_the_run_never_divides_by_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
