/* Bodies on their way into files: parts that can be gone on with, limits, and the room they take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "jobs/uploads.h"
#include "upload.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const struct upload_limits wide = { INT64_MAX, 0, INT64_MAX };

static char dir[64];
static struct places places;
static int lock = -1;
static struct errinfo ei;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/bertd-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	places = (struct places){ .data_dir = dir };
	assert_int_equal(places_open(&places, &lock, &ei), OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(lock);
	return files_remove(dir, &ei) == OK ? 0 : -1;
}

static enum err open_part(int64_t offset, const struct upload_limits *limits, struct upload **u,
			  int64_t *size)
{
	return upload_open_part(places_upload(&places, ABC), offset, limits, u, size, &ei);
}

/* One request that ends early, or at its end. */
static enum err send_part(int64_t offset, const char *text, const struct upload_limits *limits)
{
	struct upload *u;
	int64_t size;
	enum err e = open_part(offset, limits, &u, &size);

	if (e != OK)
		return e;
	e = upload_write(u, text, strlen(text), &ei);
	upload_free(u);
	return e;
}

static void put_file(const char *folder, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s/%s", dir, folder, name);

	assert_int_equal(files_write(path, text, strlen(text), NULL), OK);
	free(path);
}

static void part_stays_when_the_upload_ends_early_and_is_gone_on_with(void **state)
{
	const struct web_upload *up;
	struct upload *u;
	struct buf text = { 0 };
	int64_t size;
	(void)state;

	assert_int_equal(uploads_part_bytes(&places, ABC), -1);
	assert_int_equal(send_part(0, "a", &wide), OK);
	assert_int_equal(uploads_part_bytes(&places, ABC), 1);
	assert_int_equal(open_part(1, &wide, &u, &size), OK);
	assert_int_equal(upload_write(u, "bc", 2, &ei), OK);
	assert_int_equal(upload_finish(u, &up, &ei), OK);
	assert_int_equal(up->bytes, 3);
	assert_string_equal(up->sha256, ""); /* of what another request brought nothing is known */
	assert_int_equal(files_read(up->path, 99, &text, &ei), OK);
	assert_string_equal(text.data, "abc");
	buf_clear(&text);
	upload_free(u);
}

static void part_in_one_go_is_hashed_on_the_way(void **state)
{
	const struct web_upload *up;
	struct upload *u;
	int64_t size;
	(void)state;

	assert_int_equal(send_part(0, "something else", &wide), OK);
	assert_int_equal(open_part(0, &wide, &u, &size), OK); /* starts over */
	assert_int_equal(upload_write(u, "abc", 3, &ei), OK);
	assert_int_equal(upload_finish(u, &up, &ei), OK);
	assert_string_equal(up->sha256, ABC);
	assert_int_equal(uploads_part_bytes(&places, ABC), 3);
	upload_free(u);
}

static void part_is_gone_on_with_at_its_end_only(void **state)
{
	struct upload *u;
	int64_t size;
	(void)state;

	assert_int_equal(open_part(1, &wide, &u, &size), ERR_CONFLICT);
	assert_int_equal(size, 0);
	assert_int_equal(uploads_part_bytes(&places, ABC), -1);
	assert_int_equal(send_part(0, "ab", &wide), OK);
	assert_int_equal(open_part(1, &wide, &u, &size), ERR_CONFLICT);
	assert_int_equal(open_part(3, &wide, &u, &size), ERR_CONFLICT);
	assert_int_equal(size, 2);
}

static void part_is_open_for_one_request_at_a_time_until_its_handler_is_done(void **state)
{
	const struct web_upload *up;
	struct upload *first, *second;
	int64_t size;
	(void)state;

	assert_int_equal(open_part(0, &wide, &first, &size), OK);
	assert_int_equal(open_part(0, &wide, &second, &size), ERR_BUSY);
	assert_int_equal(upload_finish(first, &up, &ei), OK);
	assert_int_equal(open_part(0, &wide, &second, &size), ERR_BUSY);
	upload_free(first);
	assert_int_equal(open_part(0, &wide, &second, &size), OK);
	upload_free(second);
}

static void limits_count_what_was_there_before(void **state)
{
	const struct upload_limits small = { 4, 0, INT64_MAX }, full = { INT64_MAX, 0, 2 };
	const struct upload_limits no_disk = { INT64_MAX, INT64_MAX, INT64_MAX };
	(void)state;

	assert_int_equal(send_part(0, "abc", &small), OK);
	assert_int_equal(send_part(3, "de", &small), ERR_TOO_LARGE);
	assert_int_equal(send_part(3, "d", &small), OK);
	assert_int_equal(send_part(4, "efg", &full), ERR_QUOTA);
	assert_int_equal(send_part(4, "ef", &full), OK);
	assert_int_equal(send_part(6, "g", &no_disk), ERR_DISK_FULL);
	assert_int_equal(uploads_part_bytes(&places, ABC), 6);
}

static void room_is_that_of_data_sets_whole_and_on_their_way(void **state)
{
	(void)state;

	assert_int_equal(uploads_bytes(&places), 0);
	put_file("datasets", "a", "12345");
	put_file("uploads", "b", "123");
	put_file("tmp", "ds_c", "12");
	put_file("tmp", "mdl_d", "a model in the making");
	assert_int_equal(uploads_bytes(&places), 10);
}

static void parts_are_swept_by_the_time_of_their_last_byte(void **state)
{
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	char *path = places_upload(&places, "old");
	int n;
	(void)state;

	put_file("uploads", "old", "1");
	put_file("uploads", "new", "1");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(uploads_sweep(&places, 1000 * 1000, &n, &ei), OK);
	assert_int_equal(n, 0);
	assert_int_equal(uploads_sweep(&places, 1001 * 1000, &n, &ei), OK);
	assert_int_equal(n, 1);
	assert_int_equal(uploads_part_bytes(&places, "old"), -1);
	assert_int_equal(uploads_part_bytes(&places, "new"), 1);
	free(path);
}

static void another_start_keeps_parts(void **state)
{
	(void)state;

	put_file("uploads", ABC, "ab");
	put_file("tmp", "ds_c", "12");
	close(lock);
	assert_int_equal(places_open(&places, &lock, &ei), OK);
	assert_int_equal(uploads_part_bytes(&places, ABC), 2);
	assert_int_equal(uploads_bytes(&places), 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(part_stays_when_the_upload_ends_early_and_is_gone_on_with),
		TEST(part_in_one_go_is_hashed_on_the_way),
		TEST(part_is_gone_on_with_at_its_end_only),
		TEST(part_is_open_for_one_request_at_a_time_until_its_handler_is_done),
		TEST(limits_count_what_was_there_before),
		TEST(room_is_that_of_data_sets_whole_and_on_their_way),
		TEST(parts_are_swept_by_the_time_of_their_last_byte),
		TEST(another_start_keeps_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
