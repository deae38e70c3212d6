/* The base library: buffers, ids, time, hashes, JSON limits, files, the Mersenne Twister. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mt19937.h"

static char *path_in(const char *folder, const char *name)
{
	return mem_printf("%s/%s", folder, name);
}

static int make_folder(void **state)
{
	*state = mem_strdup("/tmp/bertd-base-XXXXXX");
	return mkdtemp(*state) ? 0 : -1;
}

static int remove_folder(void **state)
{
	enum err e = files_remove(*state, NULL);

	free(*state);
	return e == OK ? 0 : -1;
}

static void messages_are_cut_between_two_characters(void **state)
{
	char text[1024];
	struct errinfo ei;

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		for (size_t i = 0; i < sizeof(text) - 1; i++)
			text[i] = "\xe4\xb8\xad"[i % 3];
		text[sizeof(text) - 1] = '\0';
		assert_int_equal(err_set(&ei, ERR_IO, "%s%s", "ab" + shift, text), ERR_IO);
		assert_true(strlen(ei.msg) >= sizeof(ei.msg) - 4);
		assert_int_equal((strlen(ei.msg) - (2 - shift)) % 3, 0);
	}
}

static void buffers_grow_and_stay_terminated(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	assert_int_equal(b.len, strlen(b.data));
	assert_memory_equal(b.data, "0,1,2,", 6);
	char *taken = buf_take(&b);
	assert_int_equal(b.len, 0);
	free(taken);
	taken = buf_take(&b);
	assert_string_equal(taken, "");
	free(taken);
}

static void ids_sort_in_the_order_they_were_made(void **state)
{
	char last[ID_SIZE] = "", id[ID_SIZE];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		ids_new("job_", id);
		assert_true(strcmp(last, id) < 0);
		assert_true(ids_valid("job_", id));
		memcpy(last, id, sizeof(last));
	}
	assert_false(ids_valid("mdl_", id));
	id[10] = 'I';
	assert_false(ids_valid("job_", id));
}

static void times_are_rfc_3339(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	assert_string_equal(clock_rfc3339(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_rfc3339(1709210096789, text), "2024-02-29T12:34:56.789Z");
}

static void sha256_is_that_of_fips_180(void **state)
{
	char hex[SHA256_HEX_SIZE];
	struct errinfo ei;

	hash_hex("abc", 3, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	char *path = path_in(*state, "f");
	assert_int_equal(files_write(path, "abc", 3, &ei), OK);
	char again[SHA256_HEX_SIZE];
	assert_int_equal(hash_file(path, again, &ei), OK);
	assert_string_equal(hex, again);
	assert_int_equal(hash_file("/nonexistent", again, &ei), ERR_NOT_FOUND);
	free(path);
}

static void json_refuses_what_its_header_says(void **state)
{
	static const char *const bad[] = {
		"",	   "{",	       "{\"a\":1,\"a\":2}", "1 2",	 "NaN",
		"[1e999]", "\"\xff\"", "{\"a\\u0000\":1}",  "{\"a\":1}x"
	};
	struct errinfo ei;
	json_t *v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(json_parse(bad[i], strlen(bad[i]), &v, &ei), ERR_SYNTAX);
	char deep[2 * JSON_MAX_DEPTH + 2];
	memset(deep, '[', JSON_MAX_DEPTH + 1);
	memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_int_equal(json_parse(deep, sizeof(deep), &v, &ei), ERR_SYNTAX);
	assert_int_equal(json_parse(deep + 1, sizeof(deep) - 2, &v, &ei), OK);
	json_decref(v);
	assert_int_equal(json_parse("\"[[[\\\"[[[\"", 10, &v, &ei), OK);
	json_decref(v);
	assert_int_equal(json_parse_bounded("[{},1,\",,,\"]", 12, 4, &v, &ei), ERR_SYNTAX);
	assert_int_equal(json_parse_bounded("[{},1,\",,,\"]", 12, 5, &v, &ei), OK);
	json_decref(v);
}

static void doubles_are_printed_short_and_survive(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{ 0.1, "[0.1]" },
		{ 0.1 + 0.2, "[0.30000000000000004]" },
		{ 1.0, "[1.0]" },
		{ -2.5e-7, "[-2.5e-07]" },
		{ 5e-324, "[4.94065645841247e-324]" },
		{ 1.7976931348623157e308, "[1.7976931348623157e+308]" },
		{ (double)0.98576236f, "[0.985762357711792]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = { 0 };
		json_t *array = json_pack("[f]", cases[i].v), *again;
		json_print(array, &b);
		assert_string_equal(b.data, cases[i].text);
		assert_int_equal(json_parse(b.data, b.len, &again, NULL), OK);
		assert_true(json_real_value(json_array_get(again, 0)) == cases[i].v);
		json_decref(array);
		json_decref(again);
		buf_clear(&b);
	}
	json_t *v = json_number(0.0 / 0.0);
	assert_true(json_is_null(v));
}

static void printing_leaves_integers_and_strings_alone(void **state)
{
	static const char text[] =
		"{\"a\":[1,-20,\"0.10000000000000001\",\"\\\\\",\"\\\"1.50\"],\"b\":0.5}";
	struct buf b = { 0 };
	json_t *v;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &v, NULL), OK);
	json_print(v, &b);
	assert_string_equal(b.data, text);
	json_decref(v);
	buf_clear(&b);
}

static void files_read_is_bounded(void **state)
{
	struct buf b = { 0 };
	struct errinfo ei;
	char *path = path_in(*state, "f");

	assert_int_equal(files_write(path, "0123456789", 10, &ei), OK);
	assert_int_equal(files_read(path, 10, &b, &ei), OK);
	assert_string_equal(b.data, "0123456789");
	buf_reset(&b);
	assert_int_equal(files_read(path, 9, &b, &ei), ERR_TOO_LARGE);
	assert_int_equal(files_read("/nonexistent", 9, &b, &ei), ERR_NOT_FOUND);
	buf_clear(&b);
	free(path);
}

static void publishing_moves_the_whole_folder(void **state)
{
	struct errinfo ei;
	char *from = path_in(*state, "from/deep"), *to = path_in(*state, "to"),
	     *inner = path_in(*state, "from/deep/f");
	char *outer = path_in(*state, "from"), *there = path_in(*state, "to/deep/f");

	assert_int_equal(files_make_dirs(from, &ei), OK);
	assert_int_equal(files_write(inner, "x", 1, &ei), OK);
	assert_int_equal(files_tree_bytes(outer), 1);
	assert_int_equal(files_publish_dir(outer, to, &ei), OK);
	assert_true(files_exist(there));
	assert_false(files_exist(outer));
	assert_int_equal(files_make_dirs(from, &ei), OK);
	assert_int_not_equal(files_publish_dir(outer, to, &ei), OK); /* never over what is there */
	assert_true(files_exist(there));
	free(from);
	free(to);
	free(inner);
	free(outer);
	free(there);
}

static void nothing_outside_the_root_can_be_opened(void **state)
{
	static const struct {
		const char *path;
		enum err want;
	} cases[] = {
		{ "in/f", OK },
		{ "in/../in/f", OK },
		{ "../out", ERR_INVALID },
		{ "/etc/passwd", ERR_INVALID },
		{ "in/../../out", ERR_INVALID },
		{ "link-out", ERR_INVALID },
		{ "link-in", OK },
		{ "in", ERR_INVALID },
		{ "nothing", ERR_NOT_FOUND },
		{ "fifo", ERR_INVALID },
		{ "", ERR_NOT_FOUND },
	};
	struct errinfo ei;
	char *root = path_in(*state, "root"), *in = path_in(*state, "root/in"),
	     *f = path_in(*state, "root/in/f");
	char *out = path_in(*state, "out"), *link_out = path_in(*state, "root/link-out");
	char *link_in = path_in(*state, "root/link-in"), *fifo = path_in(*state, "root/fifo");

	assert_int_equal(files_make_dirs(in, &ei), OK);
	assert_int_equal(files_write(f, "x", 1, &ei), OK);
	assert_int_equal(files_write(out, "x", 1, &ei), OK);
	assert_int_equal(
		symlink("../out", link_out) | symlink("in/f", link_in) | mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = -1;
		enum err e = files_open_beneath(root, cases[i].path, &fd, &ei);
		assert_int_equal(e, cases[i].want);
		if (e == OK)
			close(fd);
		else
			assert_null(strstr(ei.msg, *state));
	}
	free(root);
	free(in);
	free(f);
	free(out);
	free(link_out);
	free(link_in);
	free(fifo);
}

static void removing_does_not_follow_links(void **state)
{
	struct errinfo ei;
	char *tree = path_in(*state, "tree"), *keep = path_in(*state, "keep"),
	     *inner = path_in(*state, "keep/f");
	char *link = path_in(*state, "tree/link");

	assert_int_equal(files_make_dirs(tree, &ei), OK);
	assert_int_equal(files_make_dirs(keep, &ei), OK);
	assert_int_equal(files_write(inner, "x", 1, &ei), OK);
	assert_int_equal(symlink("../keep", link), 0);
	assert_int_equal(files_remove(tree, &ei), OK);
	assert_false(files_exist(tree));
	assert_true(files_exist(inner));
	assert_int_equal(files_remove(tree, &ei), OK);
	free(tree);
	free(keep);
	free(inner);
	free(link);
}

/* The first and the 10000th output for the seed 5489, as the C++ standard requires of std::mt19937.
 */
static void the_twister_is_the_standard_one(void **state)
{
	struct mt19937 mt;
	uint32_t v = 0;

	(void)state;
	mt19937_seed(&mt, 5489);
	assert_int_equal(mt19937_next(&mt), 3499211612u);
	for (int i = 1; i < 10000; i++)
		v = mt19937_next(&mt);
	assert_int_equal(v, 4123659995u);
}

static void log_lines_become_json(void **state)
{
	static const struct {
		const char *line, *json;
	} cases[] = {
		{ "", "{}" },
		{ "event=http status=200 ms=0.5 n=-3",
		  "{\"event\":\"http\",\"status\":200,\"ms\":0.5,\"n\":-3}" },
		{ "a=007 b=1. c=95e443 d=- e=1.2.3",
		  "{\"a\":\"007\",\"b\":\"1.\",\"c\":\"95e443\",\"d\":\"-\",\"e\":\"1.2.3\"}" },
		{ "path=\"a \\\"b\\\" \\\\ c=d\" x=1",
		  "{\"path\":\"a \\\"b\\\" \\\\ c=d\",\"x\":1}" },
		{ "number=\"5\" empty=\"\" bare= flag",
		  "{\"number\":\"5\",\"empty\":\"\",\"bare\":\"\","
		  "\"flag\":\"\"}" },
		{ "cut=\"no end\\", "{\"cut\":\"no end\\\\\"}" },
		{ "t=a\x01\tb\x1f", "{\"t\":\"a\\u0001\\u0009b\\u001f\"}" },
		{ "t=\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		  "{\"t\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}" },
		{ "t=\xff|\xc0\xaf|\xed\xa0\x80|\xe2\x82",
		  "{\"t\":\"\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\"}" },
	};
	char out[256];
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(log_json(cases[i].line, out, sizeof(out)), strlen(cases[i].json));
		assert_string_equal(out, cases[i].json);
	}
}

static void log_members_that_do_not_fit_are_left_out(void **state)
{
	char out[20];
	(void)state;

	for (size_t size = 3; size < sizeof(out); size++) {
		size_t n = log_json("a=1 bc=\"text\"", out, size);
		assert_true(n < size);
		assert_string_equal(out, size < 8 ? "{}" : "{\"a\":1}");
	}
}

static void quoted_log_values_stay_on_one_line(void **state)
{
	(void)state;
	assert_string_equal(log_q("a \"b\"\nc\\"), "\"a \\\"b\\\" c\\\\\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_cut_between_two_characters),
		cmocka_unit_test(buffers_grow_and_stay_terminated),
		cmocka_unit_test(ids_sort_in_the_order_they_were_made),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test_setup_teardown(sha256_is_that_of_fips_180, make_folder,
						remove_folder),
		cmocka_unit_test(json_refuses_what_its_header_says),
		cmocka_unit_test(doubles_are_printed_short_and_survive),
		cmocka_unit_test(printing_leaves_integers_and_strings_alone),
		cmocka_unit_test_setup_teardown(files_read_is_bounded, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(publishing_moves_the_whole_folder, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(nothing_outside_the_root_can_be_opened, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(removing_does_not_follow_links, make_folder,
						remove_folder),
		cmocka_unit_test(the_twister_is_the_standard_one),
		cmocka_unit_test(quoted_log_values_stay_on_one_line),
		cmocka_unit_test(log_lines_become_json),
		cmocka_unit_test(log_members_that_do_not_fit_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
