/* API keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "keys.h"

#define KEY_A "0123456789abcdef"
#define KEY_B "fedcba9876543210-B"
/* printf %s fedcba9876543210-B | sha256sum */
#define HASH_B "1bf49ec61e5a8d03f32746878059b32a64be9384b3780b876a41c54a0b70e2eb"

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

static void a_hash_stands_for_its_key(void **state)
{
	struct keys *k = good("anna:" KEY_A "\nben:sha256:" HASH_B "\n");
	(void)state;

	assert_string_equal(keys_check(k, NULL, KEY_B), "ben");
	assert_string_equal(keys_check(k, NULL, KEY_A), "anna");
	assert_null(keys_check(k, NULL, HASH_B));
	assert_null(keys_check(k, NULL, "sha256:" HASH_B));
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
		{ "anna:sha256:" KEY_A "\n", "line 1: a key is 16" },
		{ "anna:sha256:" HASH_B "0\n", "line 1: a key is 16" },
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

/* A file for the operator's changes: its text before, and the path. */
static char *make_file(const char *text)
{
	char path[] = "/tmp/bertd-keys-XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return mem_strdup(path);
}

/* Whose the key is by the file, or "" for nobody. */
static const char *owner(const char *path, const char *key)
{
	static char name[80];
	struct errinfo ei;
	struct keys *k;

	assert_int_equal(keys_load(path, &k, &ei), OK);
	const char *found = keys_check(k, NULL, key);
	snprintf(name, sizeof(name), "%s", found ? found : "");
	keys_free(k);
	return name;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void an_added_key_is_in_the_file_as_its_hash_only(void **state)
{
	char *path = make_file("# people\nanna:" KEY_A), key[KEYS_NEW_SIZE];
	struct buf text = { 0 };
	struct errinfo ei;
	(void)state;

	assert_int_equal(keys_add(path, "ben", key, &ei), OK);
	assert_int_equal(strlen(key), 64);
	assert_string_equal(owner(path, key), "ben");
	assert_string_equal(owner(path, KEY_A), "anna");
	assert_int_equal(files_read(path, 4096, &text, &ei), OK);
	assert_null(strstr(text.data, key));
	assert_ptr_equal(strstr(text.data, "# people\nanna:" KEY_A "\nben:sha256:"), text.data);
	buf_clear(&text);
	unlink(path);
	free(path);
}

static void a_new_file_has_mode_0600_and_an_old_one_keeps_its_group(void **state)
{
	char *path = make_file(""), key[KEYS_NEW_SIZE], other[KEYS_NEW_SIZE];
	struct errinfo ei;
	(void)state;

	unlink(path);
	assert_int_equal(keys_add(path, "anna", key, &ei), OK);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(keys_add(path, "ben", other, &ei), OK);
	assert_int_equal(mode_of(path), 0640);
	assert_string_not_equal(key, other);
	unlink(path);
	free(path);
}

static void names_are_added_once_and_only_good_ones(void **state)
{
	char *path = make_file("# nobody yet\n"), key[KEYS_NEW_SIZE];
	struct errinfo ei;
	(void)state;

	assert_int_equal(keys_add(path, "an:na", key, &ei), ERR_INVALID);
	assert_int_equal(keys_add(path, "#anna", key, &ei), ERR_INVALID);
	assert_int_equal(keys_add(path, "anna", key, &ei), OK);
	assert_int_equal(keys_add(path, "anna", key, &ei), ERR_CONFLICT);
	unlink(path);
	free(path);
	assert_int_equal(keys_add("/nonexistent/keys", "anna", key, &ei), ERR_NOT_FOUND);
}

static void a_damaged_file_is_not_changed(void **state)
{
	char *path = make_file("no colon here\n"), key[KEYS_NEW_SIZE];
	struct errinfo ei;
	(void)state;

	assert_int_equal(keys_add(path, "anna", key, &ei), ERR_INVALID);
	assert_int_equal(keys_revoke(path, "anna", &ei), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "line 1"));
	unlink(path);
	free(path);
}

static void a_revoked_name_is_gone_and_the_rest_stays(void **state)
{
	char *path = make_file("# x\n an:" KEY_B "\nanna:" KEY_A "\n");
	struct buf text = { 0 };
	struct errinfo ei;
	(void)state;

	assert_int_equal(keys_revoke(path, "ann", &ei), ERR_NOT_FOUND);
	assert_int_equal(keys_revoke(path, "an", &ei), OK);
	assert_int_equal(files_read(path, 4096, &text, &ei), OK);
	assert_string_equal(text.data, "# x\nanna:" KEY_A "\n");
	assert_int_equal(keys_revoke(path, "anna", &ei), ERR_CONFLICT);
	assert_string_equal(owner(path, KEY_A), "anna");
	buf_clear(&text);
	unlink(path);
	free(path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bearer_and_x_api_key_name_their_owner),
		cmocka_unit_test(a_hash_stands_for_its_key),
		cmocka_unit_test(anything_else_is_nobody),
		cmocka_unit_test(faulty_files_are_refused_with_the_line),
		cmocka_unit_test(nul_bytes_and_missing_files_are_refused),
		cmocka_unit_test(an_added_key_is_in_the_file_as_its_hash_only),
		cmocka_unit_test(a_new_file_has_mode_0600_and_an_old_one_keeps_its_group),
		cmocka_unit_test(names_are_added_once_and_only_good_ones),
		cmocka_unit_test(a_damaged_file_is_not_changed),
		cmocka_unit_test(a_revoked_name_is_gone_and_the_rest_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
