/* The cache: what is there, who works on it, and what makes room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/cache.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER  "fedcba9876543210fedcba9876543210fedcba98"
#define FOLDER "datasets--a--b"
#define KIB    1024

struct fixture {
	char dir[64];
	struct cache *cache;
	struct errinfo ei;
};

static const struct fetch_how patient = { 0 };

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct cache_limits limits = { .max_bytes = 100 * KIB };

	log_set_level(LOG_ERROR);
	strcpy(x->dir, "/tmp/bertd-test-XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	assert_int_equal(cache_open(x->dir, &limits, &x->cache, &x->ei), OK);
	assert_int_equal(cache_make_folder(x->cache, FOLDER, &x->ei), OK);
	assert_int_equal(cache_make_folder(x->cache, CACHE_URLS, &x->ei), OK);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	cache_close(x->cache);
	assert_int_equal(files_remove(x->dir, &x->ei), OK);
	free(x);
	return 0;
}

/* A file of so many bytes at a path below the cache, with its folders. */
static void write_file(struct fixture *x, const char *relative, size_t n)
{
	char *path = mem_printf("%s/%s", x->dir, relative), *data = mem_zalloc(n + 1, 1);
	char *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(files_make_dirs(path, &x->ei), OK);
	*slash = '/';
	assert_int_equal(files_write(path, data, n, &x->ei), OK);
	free(data);
	free(path);
}

static bool there(struct fixture *x, const char *relative)
{
	char *path = mem_printf("%s/%s", x->dir, relative);
	bool yes = files_exist(path);

	free(path);
	return yes;
}

static void age(struct fixture *x, const char *relative, int hours)
{
	char *path = mem_printf("%s/%s", x->dir, relative);
	struct timespec then[2] = { { time(NULL) - 3600 * hours, 0 } };

	then[1] = then[0];
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
	free(path);
}

/* A unit of 40 KiB that was used so many hours ago. */
static void make_unit(struct fixture *x, const char *commit, int hours)
{
	char *file = mem_printf("%s/snapshots/%s/x.csv", FOLDER, commit);
	char *mark = mem_printf("%s/used/%s", FOLDER, commit);

	write_file(x, file, 40 * KIB);
	assert_true(cache_use(x->cache, FOLDER, commit));
	age(x, mark, hours);
	free(mark);
	free(file);
}

static void a_unit_is_there_with_its_folder(void **state)
{
	struct fixture *x = *state;

	assert_false(cache_use(x->cache, FOLDER, COMMIT));
	assert_false(there(x, FOLDER "/used/" COMMIT));
	write_file(x, FOLDER "/snapshots/" COMMIT "/x.csv", 1);
	assert_true(cache_use(x->cache, FOLDER, COMMIT));
	assert_true(there(x, FOLDER "/used/" COMMIT));
}

static void a_reference_is_a_commit_or_nothing(void **state)
{
	static const struct {
		const char *text, *commit;
	} cases[] = {
		{ COMMIT, COMMIT }, { COMMIT "\n", COMMIT }, { "../../etc", "" }, { "main", "" },
		{ "", "" },	    { COMMIT "/..", "" },
	};
	struct fixture *x = *state;
	char commit[72], *path = mem_printf("%s/%s/refs/main", x->dir, FOLDER);

	cache_read_ref(x->dir, FOLDER, "main", commit);
	assert_string_equal(commit, "");
	assert_int_equal(cache_write_ref(x->cache, FOLDER, "refs/pr/1", OTHER, &x->ei), OK);
	cache_read_ref(x->dir, FOLDER, "refs/pr/1", commit);
	assert_string_equal(commit, OTHER);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(files_write(path, cases[i].text, strlen(cases[i].text), &x->ei),
				 OK);
		cache_read_ref(x->dir, FOLDER, "main", commit);
		assert_string_equal(commit, cases[i].commit);
	}
	free(path);
}

static void what_was_used_longest_ago_goes_first(void **state)
{
	struct fixture *x = *state;

	make_unit(x, COMMIT, 5);
	make_unit(x, OTHER, 3);
	assert_int_equal(cache_make_room(x->cache, 10 * KIB, &x->ei), OK);
	assert_true(there(x, FOLDER "/snapshots/" COMMIT));
	assert_int_equal(cache_make_room(x->cache, 50 * KIB, &x->ei), OK);
	assert_false(there(x, FOLDER "/snapshots/" COMMIT));
	assert_false(there(x, FOLDER "/used/" COMMIT));
	assert_true(there(x, FOLDER "/snapshots/" OTHER));
	assert_false(cache_use(x->cache, FOLDER, COMMIT));
}

static void what_was_used_within_the_hour_stays(void **state)
{
	struct fixture *x = *state;

	make_unit(x, COMMIT, 0);
	make_unit(x, OTHER, 0);
	assert_int_equal(cache_make_room(x->cache, 50 * KIB, &x->ei), ERR_DISK_FULL);
	assert_true(there(x, FOLDER "/snapshots/" COMMIT "/x.csv"));
	assert_int_equal(cache_make_room(x->cache, 101 * KIB, &x->ei), ERR_DISK_FULL);
}

static void urls_and_what_is_incomplete_make_room_too(void **state)
{
	struct fixture *x = *state;
	char sha[SHA256_HEX_SIZE];

	hash_hex("u", 1, sha);
	char *unit = mem_printf("urls/%s", sha), *file = mem_printf("%s/about.json", unit);
	write_file(x, file, 40 * KIB);
	write_file(x, FOLDER "/incomplete/part", 40 * KIB);
	age(x, unit, 2);
	age(x, FOLDER "/incomplete/part", 3);
	assert_int_equal(cache_make_room(x->cache, 50 * KIB, &x->ei), OK);
	assert_false(there(x, FOLDER "/incomplete/part"));
	assert_true(there(x, unit));
	assert_int_equal(cache_make_room(x->cache, 90 * KIB, &x->ei), OK);
	assert_false(there(x, unit));
	free(file);
	free(unit);
}

static void what_somebody_works_on_stays(void **state)
{
	struct fixture *x = *state;

	write_file(x, FOLDER "/incomplete/part", 80 * KIB);
	age(x, FOLDER "/incomplete/part", 9);
	assert_int_equal(cache_lock(x->cache, FOLDER, &patient, &x->ei), OK);
	assert_int_equal(cache_make_room(x->cache, 50 * KIB, &x->ei), ERR_DISK_FULL);
	cache_unlock(x->cache, FOLDER);
	assert_int_equal(cache_make_room(x->cache, 50 * KIB, &x->ei), OK);
	assert_false(there(x, FOLDER "/incomplete/part"));
}

static void what_a_crash_left_half_removed_goes(void **state)
{
	struct fixture *x = *state;

	write_file(x, FOLDER "/incomplete/trash-" COMMIT "/x.csv", 40 * KIB);
	age(x, FOLDER "/incomplete/trash-" COMMIT, 9);
	make_unit(x, COMMIT, 2);
	assert_int_equal(cache_make_room(x->cache, 99 * KIB, &x->ei), OK);
	assert_false(there(x, FOLDER "/incomplete/trash-" COMMIT));
	assert_false(there(x, FOLDER "/snapshots/" COMMIT));
}

static void a_disk_that_is_too_full_is_told(void **state)
{
	struct fixture *x = *state;
	struct cache_limits limits = { .max_bytes = INT64_MAX / 4,
				       .min_free_bytes = INT64_MAX / 4 };
	struct cache *cache;

	assert_int_equal(cache_open(x->dir, &limits, &cache, &x->ei), OK);
	assert_int_equal(cache_check_disk(cache, &x->ei), ERR_DISK_FULL);
	assert_int_equal(cache_make_room(cache, 1, &x->ei), ERR_DISK_FULL);
	cache_close(cache);
}

static void a_hash_is_noted_and_found_out_anew_for_another_size(void **state)
{
	struct fixture *x = *state;
	char sha256[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE];

	assert_int_equal(cache_sha256(x->cache, FOLDER, COMMIT, "x.csv", sha256, &x->ei),
			 ERR_NOT_FOUND);
	write_file(x, FOLDER "/snapshots/" COMMIT "/x.csv", 1);
	hash_hex("\0", 1, expected);
	assert_int_equal(cache_sha256(x->cache, FOLDER, COMMIT, "x.csv", sha256, &x->ei), OK);
	assert_string_equal(sha256, expected);
	assert_true(there(x, FOLDER "/sha256/" COMMIT "/x.csv"));
	write_file(x, FOLDER "/snapshots/" COMMIT "/x.csv", 2);
	hash_hex("\0\0", 2, expected);
	assert_int_equal(cache_sha256(x->cache, FOLDER, COMMIT, "x.csv", sha256, &x->ei), OK);
	assert_string_equal(sha256, expected);
}

static bool impatient(void *ctx)
{
	(void)ctx;
	return true;
}

static void waiting_for_another_thread_can_be_cancelled(void **state)
{
	struct fixture *x = *state;
	struct fetch_how how = { .cancelled = impatient };

	assert_int_equal(cache_lock(x->cache, "a", &patient, &x->ei), OK);
	assert_int_equal(cache_lock(x->cache, "a", &how, &x->ei), ERR_CANCELLED);
	assert_int_equal(cache_lock(x->cache, "b", &how, &x->ei), OK);
	cache_unlock(x->cache, "a");
	assert_int_equal(cache_lock(x->cache, "a", &how, &x->ei), OK);
	cache_unlock(x->cache, "a");
	cache_unlock(x->cache, "b");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_unit_is_there_with_its_folder),
		TEST(a_reference_is_a_commit_or_nothing),
		TEST(what_was_used_longest_ago_goes_first),
		TEST(what_was_used_within_the_hour_stays),
		TEST(urls_and_what_is_incomplete_make_room_too),
		TEST(what_somebody_works_on_stays),
		TEST(what_a_crash_left_half_removed_goes),
		TEST(a_disk_that_is_too_full_is_told),
		TEST(a_hash_is_noted_and_found_out_anew_for_another_size),
		TEST(waiting_for_another_thread_can_be_cancelled),
	};

	return cmocka_run_group_tests_name("hub_cache", tests, NULL, NULL);
}
