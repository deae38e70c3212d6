/* From logits to scores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "serve/serve.h"

static void softmax_of_two_equal_logits_is_a_half_each(void **state)
{
	float out[2];

	(void)state;
	serve_scores((const float[]){ 3, 3 }, 2, SERVE_SOFTMAX, out);
	assert_float_equal(out[0], 0.5, 0);
	assert_float_equal(out[1], 0.5, 0);
}

/* Values of numpy's float32 softmax of transformers' pipeline. */
static void softmax_gives_what_the_pipeline_gives(void **state)
{
	float out[3];

	(void)state;
	serve_scores((const float[]){ 1.5F, -0.25F, 0.75F }, 3, SERVE_SOFTMAX, out);
	assert_float_equal(out[0], 0.60748154, 1e-7);
	assert_float_equal(out[1], 0.10556446, 1e-7);
	assert_float_equal(out[2], 0.28695390, 1e-7);
}

static void softmax_of_huge_logits_does_not_overflow(void **state)
{
	float out[3];

	(void)state;
	serve_scores((const float[]){ 3e38F, -3e38F, 3e38F }, 3, SERVE_SOFTMAX, out);
	assert_float_equal(out[0], 0.5, 0);
	assert_float_equal(out[1], 0, 0);
	assert_float_equal(out[2], 0.5, 0);
}

static void sigmoid_is_of_each_logit_alone(void **state)
{
	float out[4];

	(void)state;
	serve_scores((const float[]){ 0, 2, -2, -200 }, 4, SERVE_SIGMOID, out);
	assert_float_equal(out[0], 0.5, 0);
	assert_float_equal(out[1], 0.880797, 1e-7);
	assert_float_equal(out[2], 0.11920293, 1e-7);
	assert_float_equal(out[3], 0, 0);
}

static void none_gives_the_logits(void **state)
{
	const float logits[] = { -1.25F, 7 };
	float out[2];

	(void)state;
	serve_scores(logits, 2, SERVE_NONE, out);
	assert_memory_equal(out, logits, sizeof(out));
}

static void names_stand_in_the_order_of_the_enum(void **state)
{
	(void)state;
	assert_string_equal(serve_functions[SERVE_SOFTMAX], "softmax");
	assert_string_equal(serve_functions[SERVE_SIGMOID], "sigmoid");
	assert_string_equal(serve_functions[SERVE_NONE], "none");
	assert_null(serve_functions[SERVE_NONE + 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(softmax_of_two_equal_logits_is_a_half_each),
		cmocka_unit_test(softmax_gives_what_the_pipeline_gives),
		cmocka_unit_test(softmax_of_huge_logits_does_not_overflow),
		cmocka_unit_test(sigmoid_is_of_each_logit_alone),
		cmocka_unit_test(none_gives_the_logits),
		cmocka_unit_test(names_stand_in_the_order_of_the_enum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
