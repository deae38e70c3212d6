/* tar archives: what is written, at any place, and what of others is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "memfile.h"
#include "tar_fixture.h"

/* A tar of an empty file, a small one and one of exactly two blocks. */
static struct tar *small_tar(void)
{
	struct tar *t = tar_new(1700000000);
	char *blocks = mem_alloc(1025);

	memset(blocks, 'x', 1024);
	blocks[1024] = '\0';
	assert_int_equal(tar_add(t, "m/empty", memfile("", 0), NULL), OK);
	assert_int_equal(tar_add(t, "m/small", memfile("hello", 5), NULL), OK);
	assert_int_equal(tar_add(t, "m/blocks", memfile(blocks, 1024), NULL), OK);
	free(blocks);
	return t;
}

static char *whole(const struct tar *t)
{
	char *out = mem_alloc((size_t)tar_bytes(t));

	assert_int_equal(tar_read(t, 0, out, (size_t)tar_bytes(t)), tar_bytes(t));
	return out;
}

static void the_length_is_that_of_headers_padded_contents_and_the_end(void **state)
{
	(void)state;
	struct tar *t = small_tar();

	assert_int_equal(tar_bytes(t), 512 + (512 + 512) + (512 + 1024) + 1024);
	tar_free(t);
}

static void any_part_is_that_part_of_the_whole(void **state)
{
	(void)state;
	struct tar *t = small_tar();
	char *all = whole(t), part[700];

	for (int64_t at = 0; at <= tar_bytes(t) + 3; at += 7)
		for (size_t n = 1; n < sizeof(part); n += 173) {
			ssize_t got = tar_read(t, at, part, n);
			int64_t left = tar_bytes(t) - at;
			assert_int_equal(got, left < 0 ? 0 : left < (int64_t)n ? left : (int64_t)n);
			assert_memory_equal(part, all + at, (size_t)got);
		}
	free(all);
	tar_free(t);
}

static void the_digest_is_that_of_the_bytes(void **state)
{
	(void)state;
	struct tar *t = small_tar();
	char *all = whole(t), want[SHA256_HEX_SIZE], got[SHA256_HEX_SIZE];

	hash_hex(all, (size_t)tar_bytes(t), want);
	assert_int_equal(tar_hash(t, got, NULL), OK);
	assert_string_equal(got, want);
	free(all);
	tar_free(t);
}

static void the_tar_program_lists_what_was_written(void **state)
{
	(void)state;
	struct tar *t = small_tar();
	char *all = whole(t), line[256], out[1024] = "";
	char path[] = "/tmp/bertd-test-XXXXXX";
	int fd = mkstemp(path);

	assert_int_equal(write(fd, all, (size_t)tar_bytes(t)), tar_bytes(t));
	close(fd);
	snprintf(line, sizeof(line), "TZ=UTC tar --numeric-owner -tvf %s", path);
	FILE *p = popen(line, "r");
	while (fgets(line, sizeof(line), p))
		strcat(out, line);
	assert_int_equal(pclose(p), 0);
	assert_string_equal(out, "-rw-r--r-- 0/0               0 2023-11-14 22:13 m/empty\n"
				 "-rw-r--r-- 0/0               5 2023-11-14 22:13 m/small\n"
				 "-rw-r--r-- 0/0            1024 2023-11-14 22:13 m/blocks\n");
	unlink(path);
	free(all);
	tar_free(t);
}

static void a_file_that_is_cut_while_it_is_sent_is_an_error(void **state)
{
	(void)state;
	struct tar *t = tar_new(0);
	int fd = memfile("hello", 5);
	char part[600];

	assert_int_equal(tar_add(t, "f", fd, NULL), OK);
	assert_int_equal(ftruncate(fd, 2), 0);
	assert_int_equal(tar_read(t, 0, part, sizeof(part)), -1);
	tar_free(t);
}

/* Names and sizes of the entries of a buffer, "name:size …", then the error's name. */
static const char *entries_of(struct buf *b)
{
	static char out[2048];
	struct tar_reader r = { .fd = memfile(b->data, b->len), .bytes = (int64_t)b->len };
	struct tar_entry entry;
	struct errinfo ei;
	enum err e;

	out[0] = '\0';
	while ((e = tar_next(&r, &entry, &ei)) == OK)
		sprintf(out + strlen(out), "%.200s%s:%d ", entry.name,
			entry.folder ? "(folder)" : "", (int)entry.size);
	strcat(out, err_name(e));
	close(r.fd);
	buf_clear(b);
	return out;
}

static void what_was_written_is_read(void **state)
{
	(void)state;
	struct tar *t = small_tar();
	struct buf b = { 0 };

	b.data = whole(t);
	b.len = b.cap = (size_t)tar_bytes(t);
	assert_string_equal(entries_of(&b), "m/empty:0 m/small:5 m/blocks:1024 ERR_NOT_FOUND");
	tar_free(t);
}

static void folders_pax_names_and_long_names_are_read(void **state)
{
	(void)state;
	struct buf b = { 0 };

	tar_put(&b, "m/", '5', "");
	tar_put(&b, "pax_global_header", 'g', tar_record("comment", "made by hand"));
	tar_put(&b, "PaxHeaders/a", 'x', tar_record("mtime", "1700000000.25"));
	tar_put(&b, "m/a", '0', "1");
	tar_put(&b, "PaxHeaders/b", 'x', tar_record("path", "m/b\xc3\xa9"));
	tar_put(&b, "m/b", '0', "12");
	tar_put(&b, "././@LongLink", 'L', "m/a long name");
	tar_put(&b, "m/a lo", '\0', "123");
	tar_put(&b, "m/c", '0', "");
	tar_end(&b);
	assert_string_equal(entries_of(&b), "m/(folder):0 m/a:1 m/b\xc3\xa9:2 m/a long name:3 "
					    "m/c:0 ERR_NOT_FOUND");
}

static void a_prefix_stands_before_the_name(void **state)
{
	(void)state;
	struct buf b = { 0 };

	tar_put(&b, "config.json", '0', "{}");
	strcpy(b.data + 345, "a/folder");
	tar_seal(&b, 0);
	tar_end(&b);
	assert_string_equal(entries_of(&b), "a/folder/config.json:2 ERR_NOT_FOUND");
}

/* One archive for each way to be wrong. */
static void what_is_wrong_or_dangerous_is_refused(void **state)
{
	(void)state;
	static const char links[] = "12346SKDMVNZ";
	struct buf b = { 0 };

	for (const char *type = links; *type; type++) {
		tar_put(&b, "m/config.json", *type, "");
		tar_end(&b);
		assert_string_equal(entries_of(&b), "ERR_INVALID");
	}
	static const char *const records[][2] = { { "size", "9" },
						  { "linkpath", "/etc/passwd" },
						  { "GNU.sparse.major", "1" },
						  { "GNU.sparse.name", "x" },
						  { "SCHILY.realsize", "1" } };
	for (size_t i = 0; i < 5; i++) {
		tar_put(&b, "p", 'x', tar_record(records[i][0], records[i][1]));
		tar_put(&b, "a", '0', "");
		tar_end(&b);
		assert_string_equal(entries_of(&b), "ERR_INVALID");
	}
	tar_put(&b, "p", 'g', tar_record("path", "all/of/them"));
	assert_string_equal(entries_of(&b), "ERR_INVALID");
	static const char *const broken[] = { "x",	 "99 path=a\n", "9 path=a",
					      "0 a=b\n", "-5 path=a\n", "10 patha\n\n\n",
					      "6 abc\n", "\n" };
	for (size_t i = 0; i < 8; i++) {
		tar_put(&b, "p", 'x', broken[i]);
		tar_put(&b, "a", '0', "");
		tar_end(&b);
		assert_string_equal(entries_of(&b), "ERR_INVALID");
	}
}

static void a_broken_header_is_refused(void **state)
{
	(void)state;
	struct buf b = { 0 };

	tar_put(&b, "a", '0', "x");
	b.data[0] = 'b'; /* the checksum does not fit */
	assert_string_equal(entries_of(&b), "ERR_INVALID");
	tar_put(&b, "a", '0', "x");
	memset(b.data + 124, '\xff', 12); /* GNU's binary size */
	tar_seal(&b, 0);
	assert_string_equal(entries_of(&b), "ERR_INVALID");
	tar_put(&b, "a", '0', "x");
	strcpy(b.data + 124, "-1");
	tar_seal(&b, 0);
	assert_string_equal(entries_of(&b), "ERR_INVALID");
	buf_puts(&b, "\x1f\x8b\x08 and so on");
	for (int i = 0; i < 600; i++)
		buf_putc(&b, 'x');
	assert_string_equal(entries_of(&b), "ERR_UNSUPPORTED");
	buf_puts(&b, "text,label\ngood,1\n");
	assert_string_equal(entries_of(&b), "ERR_INVALID");
}

static void an_archive_that_is_cut_is_refused_wherever(void **state)
{
	(void)state;
	struct buf all = { 0 }, b = { 0 };

	tar_put(&all, "m/a", '0', "hello");
	tar_put(&all, "m/b", '0', "hello again");
	for (size_t n = 0; n <= all.len; n += 64) {
		buf_append(&b, all.data, n);
		assert_non_null(strstr(entries_of(&b), "ERR_INVALID"));
	}
	buf_clear(&all);
	tar_put_sized(&b, "m/a", '0', "x", 1, 1 << 20);
	tar_end(&b);
	assert_string_equal(entries_of(&b), "ERR_INVALID");
}

static void numbers_of_entries_and_headers_are_bounded(void **state)
{
	(void)state;
	struct buf b = { 0 };

	tar_put_sized(&b, "p", 'x', "", 0, 65537);
	for (int i = 0; i < 70000; i++)
		buf_putc(&b, 'x');
	assert_string_equal(entries_of(&b), "ERR_TOO_LARGE");
	/* Headers about headers count too. */
	for (int i = 0; i <= TAR_MAX_ENTRIES; i++)
		tar_put(&b, "g", 'g', "");
	assert_string_equal(entries_of(&b), "ERR_TOO_LARGE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_length_is_that_of_headers_padded_contents_and_the_end),
		cmocka_unit_test(any_part_is_that_part_of_the_whole),
		cmocka_unit_test(the_digest_is_that_of_the_bytes),
		cmocka_unit_test(the_tar_program_lists_what_was_written),
		cmocka_unit_test(a_file_that_is_cut_while_it_is_sent_is_an_error),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(folders_pax_names_and_long_names_are_read),
		cmocka_unit_test(a_prefix_stands_before_the_name),
		cmocka_unit_test(what_is_wrong_or_dangerous_is_refused),
		cmocka_unit_test(a_broken_header_is_refused),
		cmocka_unit_test(an_archive_that_is_cut_is_refused_wherever),
		cmocka_unit_test(numbers_of_entries_and_headers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
