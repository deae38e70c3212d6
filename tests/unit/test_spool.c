/* Arrays in files without names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/files.h"
#include "base/spool.h"

static char folder[] = "/tmp/bertd-spool-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
	struct errinfo ei;

	(void)state;
	return files_remove(folder, &ei) == OK ? 0 : -1;
}

static int n_entries(void)
{
	DIR *d = opendir(folder);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

/* Pages of files in memory that this process has mapped. */
static long shared_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident, shared = -1;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld %ld", &size, &resident, &shared), 3);
	fclose(f);
	return shared;
}

static void append_numbers(struct spool *s, int64_t from, int64_t to)
{
	struct errinfo ei;

	for (int64_t i = from; i < to; i++)
		assert_int_equal(spool_append(s, &i, sizeof(i), &ei), OK);
}

static void assert_numbers(const struct spool *s, int64_t n)
{
	const int64_t *numbers = (const int64_t *)s->data;

	assert_int_equal(s->len, n * (int64_t)sizeof(*numbers));
	for (int64_t i = 0; i < n; i++)
		if (numbers[i] != i)
			fail_msg("%lld is %lld", (long long)i, (long long)numbers[i]);
}

static void what_was_appended_is_there(void **state)
{
	const char *dirs[] = { NULL, folder };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct spool s;
		struct errinfo ei;
		assert_int_equal(spool_open(&s, dirs[i], &ei), OK);
		append_numbers(&s, 0, 3);
		assert_numbers(&s, 3);
		append_numbers(&s, 3, 3000000); /* 24 MB */
		assert_numbers(&s, 3000000);
		spool_close(&s);
	}
}

static void the_file_has_no_name(void **state)
{
	struct spool s;
	struct errinfo ei;

	(void)state;
	assert_int_equal(spool_open(&s, folder, &ei), OK);
	append_numbers(&s, 0, 100);
	assert_int_equal(n_entries(), 0);
	spool_close(&s);
	spool_close(&s);
}

static void little_of_what_was_appended_stays_resident(void **state)
{
	struct spool s;
	struct errinfo ei;
	long before = shared_pages(), mb = (1 << 20) / sysconf(_SC_PAGESIZE);

	(void)state;
	assert_int_equal(spool_open(&s, folder, &ei), OK);
	append_numbers(&s, 0, 8 << 20); /* 64 MB */
	assert_true(shared_pages() - before < 16 * mb);
	assert_numbers(&s, 8 << 20);
	assert_true(shared_pages() - before >= 64 * mb);
	spool_forget(&s);
	assert_true(shared_pages() - before < 16 * mb);
	assert_int_equal(((int64_t *)s.data)[12345], 12345);
	spool_close(&s);
}

static void new_bytes_are_zero(void **state)
{
	struct spool s;
	struct errinfo ei;

	(void)state;
	assert_int_equal(spool_open(&s, NULL, &ei), OK);
	append_numbers(&s, 1, 100);
	assert_int_equal(spool_resize(&s, 8, &ei), OK);
	assert_int_equal(spool_resize(&s, 1 << 20, &ei), OK);
	assert_int_equal(s.data[0], 1);
	for (int i = 8; i < 1 << 20; i++)
		if (s.data[i])
			fail_msg("byte %d", i);
	spool_close(&s);
}

static void without_room_nothing_is_added(void **state)
{
	struct rlimit old, small = { 1 << 20, RLIM_INFINITY };
	struct spool s;
	struct errinfo ei;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(spool_open(&s, folder, &ei), OK);
	append_numbers(&s, 0, 1000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum err e = spool_resize(&s, 2 << 20, &ei);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_not_equal(e, OK);
	assert_numbers(&s, 1000);
	spool_close(&s);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	struct spool s;
	struct errinfo ei;

	(void)state;
	assert_int_equal(spool_open(&s, "/nowhere/at/all", &ei), ERR_NOT_FOUND);
	assert_null(strstr(ei.msg, "nowhere"));
	spool_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_appended_is_there),
		cmocka_unit_test(the_file_has_no_name),
		cmocka_unit_test(little_of_what_was_appended_stays_resident),
		cmocka_unit_test(new_bytes_are_zero),
		cmocka_unit_test(without_room_nothing_is_added),
		cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests_name("spool", tests, make_folder, drop_folder);
}
