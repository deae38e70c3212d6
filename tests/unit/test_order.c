/* The order of an epoch; the numbers are torch.randperm's under the same seed (tests/golden has
 * more). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mem.h"
#include "train/order.h"

#include <stdlib.h>
#include <string.h>

static void order_is_that_of_torch_randperm(void **state)
{
	static const int64_t want[21] = { 15, 8,  13, 7, 11, 12, 16, 19, 2, 14, 4,
					  0,  20, 10, 1, 3,  6,	 5,  18, 9, 17 };
	int64_t got[21];

	(void)state;
	order_epoch(42, 0, 21, got);
	assert_memory_equal(got, want, sizeof(want));
}

static void the_epoch_is_added_to_the_seed(void **state)
{
	int64_t a[50], b[50];

	(void)state;
	order_epoch(42, 3, 50, a);
	order_epoch(45, 0, 50, b);
	assert_memory_equal(a, b, sizeof(a));
	order_epoch(42, 2, 50, b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void only_the_low_32_bits_of_the_seed_count(void **state)
{
	int64_t a[50], b[50];

	(void)state;
	order_epoch(UINT32_MAX, 6, 50, a);
	order_epoch(5, 0, 50, b);
	assert_memory_equal(a, b, sizeof(a));
}

static void every_example_occurs_once(void **state)
{
	enum { N = 70000 };
	int64_t *order = mem_zalloc(N, sizeof(*order));
	char *seen = mem_zalloc(N, 1);

	(void)state;
	order_epoch(7, 1, N, order);
	for (int i = 0; i < N; i++)
		seen[order[i]]++;
	for (int i = 0; i < N; i++)
		assert_int_equal(seen[i], 1);
	free(order);
	free(seen);
}

static void one_example_or_none_need_no_draw(void **state)
{
	int64_t order[2] = { -1, -1 };

	(void)state;
	order_epoch(42, 0, 0, order);
	assert_int_equal(order[0], -1);
	order_epoch(42, 0, 1, order);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_that_of_torch_randperm),
		cmocka_unit_test(the_epoch_is_added_to_the_seed),
		cmocka_unit_test(only_the_low_32_bits_of_the_seed_count),
		cmocka_unit_test(every_example_occurs_once),
		cmocka_unit_test(one_example_or_none_need_no_draw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
