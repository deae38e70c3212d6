/* Range, If-Range and If-None-Match of RFC 9110. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "range.h"

#define TAG "\"abc\""

static void ranges_are_read(void **state)
{
	static const struct {
		const char *header;
		enum range want;
		int64_t first, last;
	} cases[] = {
		{ NULL, RANGE_ALL, 0, 0 },
		{ "bytes=0-499", RANGE_PART, 0, 499 },
		{ "BYTES=0-0", RANGE_PART, 0, 0 },
		{ "bytes=500-", RANGE_PART, 500, 999 },
		{ "bytes=-1", RANGE_PART, 999, 999 },
		{ "bytes=-5000", RANGE_PART, 0, 999 },
		{ "bytes=990-5000", RANGE_PART, 990, 999 },
		{ "bytes=999-999", RANGE_PART, 999, 999 },
		{ "bytes=1000-", RANGE_NONE, 0, 0 },
		{ "bytes=1000-1001", RANGE_NONE, 0, 0 },
		{ "bytes=999999999999999999-", RANGE_NONE, 0, 0 },
		{ "bytes=-0", RANGE_NONE, 0, 0 },
		{ "bytes=5-4", RANGE_ALL, 0, 0 },
		{ "bytes=0-1,5-6", RANGE_ALL, 0, 0 },
		{ "bytes=", RANGE_ALL, 0, 0 },
		{ "bytes=-", RANGE_ALL, 0, 0 },
		{ "bytes=a-b", RANGE_ALL, 0, 0 },
		{ "bytes=1-2x", RANGE_ALL, 0, 0 },
		{ "bytes=1 -2", RANGE_ALL, 0, 0 },
		{ "bytes=--5", RANGE_ALL, 0, 0 },
		{ "bytes=99999999999999999999-", RANGE_ALL, 0, 0 },
		{ "bytes=0-99999999999999999999", RANGE_ALL, 0, 0 },
		{ "lines=0-5", RANGE_ALL, 0, 0 },
		{ "0-5", RANGE_ALL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t first = -7, last = -7;
		assert_int_equal(range_read(cases[i].header, 1000, &first, &last), cases[i].want);
		if (cases[i].want != RANGE_PART)
			continue;
		assert_int_equal(first, cases[i].first);
		assert_int_equal(last, cases[i].last);
	}
}

static void none_match_knows_lists_weak_tags_and_the_star(void **state)
{
	static const char *const yes[] = {
		TAG, "*", "W/" TAG, "\"x\", " TAG, " " TAG " , \"y\"", "\"a,b\"," TAG
	};
	static const char *const no[] = { "",	"abc", "\"ab\"", "\"abcd\"", "\"x\",\"y\"",
					  "W/", ",,,", "\"abc",	 "x" TAG };

	(void)state;
	assert_false(range_none_match(NULL, TAG));
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		assert_true(range_none_match(yes[i], TAG));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_false(range_none_match(no[i], TAG));
}

static void if_range_wants_the_very_tag(void **state)
{
	(void)state;
	assert_true(range_if_range(NULL, TAG));
	assert_true(range_if_range(TAG, TAG));
	assert_false(range_if_range("W/" TAG, TAG));
	assert_false(range_if_range("\"other\"", TAG));
	assert_false(range_if_range("Tue, 15 Nov 1994 08:12:31 GMT", TAG));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_read),
		cmocka_unit_test(none_match_knows_lists_weak_tags_and_the_star),
		cmocka_unit_test(if_range_wants_the_very_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
