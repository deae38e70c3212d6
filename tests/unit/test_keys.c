/* API keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "keys.h"

#define KEY_A "0123456789abcdef"
#define KEY_B "fedcba9876543210-B"

static enum err load(const char *text, size_t n, struct keys **out, struct errinfo *ei)
{
	char path[] = "/tmp/bertd-keys-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	close(fd);
	enum err e = keys_load(path, out, ei);
	unlink(path);
	return e;
}

static struct keys *good(const char *text)
{
	struct errinfo ei = { "" };
	struct keys *k;

	assert_int_equal(load(text, strlen(text), &k, &ei), OK);
	return k;
}

static void bearer_and_x_api_key_name_their_owner(void **state)
{
	struct keys *k = good("# people\n\nanna:" KEY_A "\r\n  ben:" KEY_B "  \n");
	(void)state;

	assert_string_equal(keys_check(k, "Bearer " KEY_A, NULL), "anna");
	assert_string_equal(keys_check(k, "bearer  " KEY_B, NULL), "ben");
	assert_string_equal(keys_check(k, NULL, KEY_B), "ben");
	keys_free(k);
}

static void anything_else_is_nobody(void **state)
{
	struct keys *k = good("anna:" KEY_A "\n");
	(void)state;

	assert_null(keys_check(k, NULL, NULL));
	assert_null(keys_check(k, NULL, ""));
	assert_null(keys_check(k, "Bearer", NULL));
	assert_null(keys_check(k, "Bearer ", NULL));
	assert_null(keys_check(k, "Bearer " KEY_A "x", NULL));
	assert_null(keys_check(k, "Bearer 0123456789abcde", NULL));
	assert_null(keys_check(k, "Basic " KEY_A, NULL));
	assert_null(keys_check(k, KEY_A, NULL));
	assert_null(keys_check(k, NULL, "anna:" KEY_A));
	/* A wrong Authorization is not mended by a right X-API-Key. */
	assert_null(keys_check(k, "Bearer wrong-wrong-wrong", KEY_A));
	keys_free(k);
}

static void faulty_files_are_refused_with_the_line(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "holds no key" },
		{ "# only\n\n", "holds no key" },
		{ "anna:" KEY_A "\nno colon here\n", "line 2: must be name:key" },
		{ "\n:" KEY_A "\n", "line 2: a name is" },
		{ "an na:" KEY_A "\n", "line 1: a name is" },
		{ "anna:short\n", "line 1: a key is 16" },
		{ "anna:0123456789 abcdef\n", "line 1: a key is 16" },
		{ "anna:0123456789abcdef\xc3\xa9\n", "line 1: a key is 16" },
		{ "anna:" KEY_A "\nanna:" KEY_B "\n",
		  "line 2: the name \"anna\" is there already" },
	};
	struct errinfo ei;
	struct keys *k;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load(cases[i].text, strlen(cases[i].text), &k, &ei), ERR_INVALID);
		assert_ptr_equal(strstr(ei.msg, cases[i].words), ei.msg);
		assert_null(strstr(ei.msg, KEY_A));
	}
}

static void nul_bytes_and_missing_files_are_refused(void **state)
{
	static const char nul[] = "anna:" KEY_A "\n\0ben:" KEY_B "\n";
	struct errinfo ei;
	struct keys *k;
	(void)state;

	assert_int_equal(load(nul, sizeof(nul) - 1, &k, &ei), ERR_INVALID);
	assert_int_equal(keys_load("/nonexistent/keys", &k, &ei), ERR_NOT_FOUND);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bearer_and_x_api_key_name_their_owner),
		cmocka_unit_test(anything_else_is_nobody),
		cmocka_unit_test(faulty_files_are_refused_with_the_line),
		cmocka_unit_test(nul_bytes_and_missing_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
