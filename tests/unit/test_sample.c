/* Random choices of rows. What numpy and pandas draw stands in golden/test_data.c; here is what
 * must hold for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "data/sample.h"

static void a_permutation_has_every_row_once(void **state)
{
	uint32_t rows[1000];

	(void)state;
	for (int64_t n = 0; n <= 1000; n += 37) {
		char seen[1000] = { 0 };
		sample_permutation((uint32_t)n, n, rows);
		for (int64_t i = 0; i < n; i++) {
			assert_in_range(rows[i], 0, n - 1);
			assert_int_equal(seen[rows[i]]++, 0);
		}
	}
}

static void the_seed_decides(void **state)
{
	uint32_t a[50], b[50], c[50];

	(void)state;
	sample_permutation(1, 50, a);
	sample_permutation(1, 50, b);
	sample_permutation(2, 50, c);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
}

/* numpy.random.RandomState(42).permutation(10). */
static void ten_rows_with_seed_42_are_those_of_numpy(void **state)
{
	static const uint32_t expected[] = { 8, 1, 5, 0, 7, 2, 9, 4, 3, 6 };
	uint32_t rows[10];

	(void)state;
	sample_permutation(42, 10, rows);
	assert_memory_equal(rows, expected, sizeof(expected));
}

static void the_test_part_is_rounded_up(void **state)
{
	static const struct {
		int64_t n;
		double share;
		int64_t n_test;
	} cases[] = {
		{ 10, 0.1, 1 }, { 11, 0.1, 2 }, { 1, 0.5, 1 }, { 100, 0.07, 8 }, { 0, 0.5, 0 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(sample_test_size(cases[i].n, cases[i].share), cases[i].n_test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_permutation_has_every_row_once),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(ten_rows_with_seed_42_are_those_of_numpy),
		cmocka_unit_test(the_test_part_is_rounded_up),
	};

	return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
