/* safetensors files: damaged ones, round trips, half precision. */
#include "base/files.h"
#include "base/mem.h"
#include "model/safetensors.h"
#include "model/weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static char path[128];

static void must(enum err e, const struct errinfo *ei)
{
	if (e != OK)
		fail_msg("%s: %s", err_name(e), ei->msg);
}

static void put_file(const char *name, const void *data, size_t n)
{
	struct errinfo ei;
	char *p = mem_printf("%s/%s", dir, name);

	must(files_write(p, data, n, &ei), &ei);
	free(p);
}

/* A file of that header and so many bytes behind it. */
static void put_header(const char *name, const char *header, size_t buffer)
{
	size_t len = strlen(header);
	char *file = mem_zalloc(8 + len + buffer, 1);

	for (int i = 0; i < 8; i++)
		file[i] = (char)((uint64_t)len >> (8 * i));
	memcpy(file + 8, header, len);
	put_file(name, file, 8 + len + buffer);
	free(file);
}

#define F32_2 "\"dtype\":\"F32\",\"shape\":[2]"

static const struct {
	const char *header;
	size_t buffer;
	enum err e;
	const char *says;
} damaged[] = {
	{ "", 0, ERR_INVALID, "does not begin with {" },
	{ "[]", 0, ERR_INVALID, "does not begin with {" },
	{ " {}", 0, ERR_INVALID, "does not begin with {" },
	{ "null", 0, ERR_INVALID, "does not begin with {" },
	{ "{", 0, ERR_SYNTAX, "line 1" },
	{ "{}x", 0, ERR_SYNTAX, "line 1" },
	{ "{}{}", 0, ERR_SYNTAX, "line 1" },
	{ "{\"a\":1,\"a\":2}", 0, ERR_SYNTAX, "duplicate" },
	{ "{\"a\":\"\xff\"}", 0, ERR_SYNTAX, "unable to decode" },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 0,
	  ERR_SYNTAX, "nested" },
	{ "{}", 4, ERR_INVALID, "fill 0 bytes of a buffer of 4" },
	{ "{\"a\":1}", 0, ERR_INVALID, "a: not an object" },
	{ "{\"a\":[]}", 0, ERR_INVALID, "a: not an object" },
	{ "{\"a\":{}}", 0, ERR_INVALID, "a: dtype is missing" },
	{ "{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "a: dtype is missing" },
	{ "{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "unknown dtype F33" },
	{ "{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "unknown dtype f32" },
	{ "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "a: shape is missing" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "a: shape is missing" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "shape[0]" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,2.0],\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "shape[1]" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, ERR_INVALID,
	  "shape[0]" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
	  ERR_INVALID, "more than 8 dimensions" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8,
	  ERR_INVALID, "the shape overflows" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[576460752303423488],\"data_offsets\":[0,8]}}", 8,
	  ERR_INVALID, "the shape overflows" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8,
	  ERR_SYNTAX, "too big" },
	{ "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1, ERR_INVALID,
	  "whole bytes" },
	{ "{\"a\":{" F32_2 "}}", 8, ERR_INVALID, "a: data_offsets" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0]}}", 8, ERR_INVALID, "a: data_offsets" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8,8]}}", 8, ERR_INVALID, "a: data_offsets" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,\"8\"]}}", 8, ERR_INVALID, "a: data_offsets" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":{\"0\":0}}}", 8, ERR_INVALID, "a: data_offsets" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[8,0]}}", 8, ERR_INVALID, "run backwards" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[-8,0]}}", 8, ERR_INVALID, "run backwards" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,12]}}", 12, ERR_INVALID,
	  "12 bytes for a shape of 8" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,4]}}", 4, ERR_INVALID,
	  "4 bytes for a shape of 8" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8]}}", 7, ERR_INVALID,
	  "fill 8 bytes of a buffer of 7" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8]}}", 9, ERR_INVALID,
	  "fill 8 bytes of a buffer of 9" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[4,12]}}", 12, ERR_INVALID,
	  "begins at byte 4 of the buffer, not at 0" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8]},\"b\":{" F32_2 ",\"data_offsets\":[12,20]}}",
	  20, ERR_INVALID, "b: begins at byte 12 of the buffer, not at 8" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8]},\"b\":{" F32_2 ",\"data_offsets\":[4,12]}}",
	  12, ERR_INVALID, "b: begins at byte 4 of the buffer, not at 8" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8]},\"b\":{" F32_2 ",\"data_offsets\":[0,8]}}", 8,
	  ERR_INVALID, "begins at byte 0 of the buffer, not at 8" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[9223372036854775800,9223372036854775807]}}", 8,
	  ERR_INVALID, "a: 7 bytes" },
	{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8],\"more\":1}}", 8, ERR_INVALID,
	  "unknown member more" },
	{ "{\"__metadata__\":[]}", 0, ERR_INVALID, "__metadata__ is not an object" },
	{ "{\"__metadata__\":{\"k\":1}}", 0, ERR_INVALID, "__metadata__.k is not a string" },
	{ "{\"__metadata__\":{\"k\":{}}}", 0, ERR_INVALID, "__metadata__.k is not a string" },
};

static void open_refuses_damaged_headers_and_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct safetensors *st = NULL;
		struct errinfo ei = { "" };
		put_header("t.safetensors", damaged[i].header, damaged[i].buffer);
		enum err e = safetensors_open(path, &st, &ei);
		if (e != damaged[i].e || !strstr(ei.msg, damaged[i].says))
			fail_msg("%s: %s: %s", damaged[i].header, err_name(e), ei.msg);
	}
}

static void open_refuses_lengths_that_the_file_does_not_have(void **state)
{
	static const struct {
		uint8_t bytes[10];
		size_t n;
		const char *says;
	} cases[] = {
		{ { 0 }, 0, "too few" },
		{ { 2, 0, 0, 0, 0, 0, 0 }, 7, "too few" },
		{ { 3, 0, 0, 0, 0, 0, 0, 0, '{', '}' }, 10, "header of 3 bytes in a file of 10" },
		{ { 1, 0xe1, 0xf5, 5, 0, 0, 0, 0, '{', '}' },
		  10,
		  "header of 100000001 bytes is above the limit" },
		{ { 255, 255, 255, 255, 255, 255, 255, 255, '{', '}' }, 10, "above the limit" },
		{ { 0, 0, 0, 0, 0, 0, 0, 128, '{', '}' }, 10, "above the limit" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct safetensors *st;
		struct errinfo ei = { "" };
		put_file("t.safetensors", cases[i].bytes, cases[i].n);
		assert_int_equal(safetensors_open(path, &st, &ei), ERR_INVALID);
		if (!strstr(ei.msg, cases[i].says))
			fail_msg("case %zu: %s", i, ei.msg);
	}
}

static void open_names_a_missing_file(void **state)
{
	struct safetensors *st;
	struct errinfo ei;

	(void)state;
	assert_int_equal(safetensors_open("/nonexistent/x.safetensors", &st, &ei), ERR_NOT_FOUND);
	assert_non_null(strstr(ei.msg, "x.safetensors"));
	assert_int_equal(safetensors_open(dir, &st, &ei), ERR_INVALID);
}

static void open_accepts_what_the_reference_accepts(void **state)
{
	static const struct {
		const char *header;
		size_t buffer;
		int count;
	} cases[] = {
		{ "{}", 0, 0 },
		{ "{}      ", 0, 0 },
		{ "{\"__metadata__\":{}}", 0, 0 },
		{ "{\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8, 1 },
		{ "{\"e\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[0,0]}}", 0, 1 },
		{ "{\"b\":{" F32_2 ",\"data_offsets\":[8,16]},\"a\":{" F32_2
		  ",\"data_offsets\":[0,8]}}",
		  16, 2 },
		{ "{\"a\":{" F32_2 ",\"data_offsets\":[0,8]},\"e\":{\"dtype\":\"I8\",\"shape\":[0],"
		  "\"data_offsets\":[8,8]},\"b\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_"
		  "offsets\":[8,9]}}",
		  9, 3 },
		{ "{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct safetensors *st;
		struct errinfo ei;
		put_header("t.safetensors", cases[i].header, cases[i].buffer);
		must(safetensors_open(path, &st, &ei), &ei);
		assert_int_equal(safetensors_count(st), cases[i].count);
		safetensors_close(st);
	}
}

static void find_gives_shape_and_type_and_misses_other_names(void **state)
{
	struct safetensors *st;
	struct errinfo ei;

	(void)state;
	put_header("t.safetensors",
		   "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"I64\",\"shape\":[1,3],"
		   "\"data_offsets\":[8,32]},"
		   "\"a\":{" F32_2 ",\"data_offsets\":[0,8]}}",
		   32);
	must(safetensors_open(path, &st, &ei), &ei);
	const struct safetensors_tensor *b = safetensors_find(st, "b");
	assert_string_equal(safetensors_dtype_name(b->dtype), "I64");
	assert_int_equal(b->n_dims, 2);
	assert_int_equal(b->shape[1], 3);
	assert_ptr_equal(safetensors_at(st, 0), safetensors_find(st, "a"));
	assert_null(safetensors_find(st, "__metadata__"));
	assert_null(safetensors_find(st, "c"));
	assert_string_equal(safetensors_metadata(st, "format"), "pt");
	assert_null(safetensors_metadata(st, "other"));
	float out[3];
	assert_int_equal(safetensors_read(st, b, out, &ei), ERR_UNSUPPORTED);
	safetensors_close(st);
}

static void what_is_written_reads_back(void **state)
{
	static const float a[6] = { 0, -1.5f, 3e38f, 1e-42f, -0.0f, 7 };
	const struct safetensors_item items[] = { { "a", 2, { 2, 3 } },
						  { "empty", 1, { 0 } },
						  { "s", 0, { 0 } } };
	struct safetensors_writer *w;
	struct safetensors *st;
	struct errinfo ei;
	float out[6], s = 42;

	(void)state;
	must(safetensors_create(path, items, 3, &w, &ei), &ei);
	must(safetensors_put(w, a, 6, &ei), &ei);
	must(safetensors_put(w, NULL, 0, &ei), &ei);
	must(safetensors_put(w, &s, 1, &ei), &ei);
	must(safetensors_finish(w, &ei), &ei);
	must(safetensors_open(path, &st, &ei), &ei);
	assert_string_equal(safetensors_metadata(st, "format"), "pt");
	must(safetensors_read(st, safetensors_find(st, "a"), out, &ei), &ei);
	assert_memory_equal(out, a, sizeof(a));
	must(safetensors_read(st, safetensors_find(st, "s"), out, &ei), &ei);
	assert_true(out[0] == 42);
	safetensors_close(st);
}

static void header_of_a_written_file_ends_at_a_multiple_of_8(void **state)
{
	struct errinfo ei;
	struct buf file = { 0 };

	(void)state;
	for (int len = 1; len <= 9; len++) {
		char name[16] = "";
		struct safetensors_item item = { name, 0, { 0 } };
		struct safetensors_writer *w;
		float x = 1;
		memset(name, 'n', (size_t)len);
		must(safetensors_create(path, &item, 1, &w, &ei), &ei);
		must(safetensors_put(w, &x, 1, &ei), &ei);
		must(safetensors_finish(w, &ei), &ei);
		buf_reset(&file);
		must(files_read(path, 1000, &file, &ei), &ei);
		assert_int_equal(file.data[0] % 8, 0);
		assert_int_equal(file.len, 8 + (size_t)(uint8_t)file.data[0] + sizeof(x));
	}
	buf_clear(&file);
}

static void abandoned_file_leaves_nothing_and_keeps_the_old_one(void **state)
{
	struct safetensors_item item = { "a", 1, { 2 } };
	struct safetensors_writer *w;
	struct errinfo ei;

	(void)state;
	put_file("t.safetensors", "old", 3);
	must(safetensors_create(path, &item, 1, &w, &ei), &ei);
	safetensors_abandon(w);
	assert_int_equal(files_tree_bytes(dir), 3);
}

static void create_in_a_missing_directory_is_reported(void **state)
{
	struct safetensors_item item = { "a", 1, { 2 } };
	struct safetensors_writer *w;
	struct errinfo ei;

	(void)state;
	assert_int_not_equal(safetensors_create("/nonexistent/a", &item, 1, &w, &ei), OK);
}

static uint32_t bits_of(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static void half_precision_becomes_single_exactly(void **state)
{
	static const struct {
		uint16_t half;
		uint32_t single;
	} cases[] = {
		{ 0x0000, 0x00000000 }, /* 0 */
		{ 0x8000, 0x80000000 }, /* -0 */
		{ 0x3c00, 0x3f800000 }, /* 1 */
		{ 0xc000, 0xc0000000 }, /* -2 */
		{ 0x3555, 0x3eaaa000 }, /* 0.333… */
		{ 0x7bff, 0x477fe000 }, /* 65504, the largest */
		{ 0x0400, 0x38800000 }, /* 2^-14, the smallest normal */
		{ 0x0001, 0x33800000 }, /* 2^-24, the smallest */
		{ 0x83ff, 0xb87fc000 }, /* the largest subnormal, negative */
		{ 0x7c00, 0x7f800000 }, /* infinity */
		{ 0xfc00, 0xff800000 }, { 0x7e00, 0x7fc00000 }, /* NaN */
		{ 0xfe01, 0xffc02000 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(bits_of(safetensors_from_f16(cases[i].half)), cases[i].single);
}

static void bfloat16_becomes_single_exactly(void **state)
{
	static const uint16_t cases[] = { 0,	  0x8000, 0x3f80, 0xc000, 0x0001,
					  0x7f7f, 0x7f80, 0xff80, 0x7fc0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(bits_of(safetensors_from_bf16(cases[i])),
				 (uint32_t)cases[i] << 16);
}

static void read_converts_half_precision_tensors(void **state)
{
	static const char header[] =
		"{\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]},"
		"\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[4,8]}}";
	char file[8 + sizeof(header) - 1 + 8] = { (char)(sizeof(header) - 1) };
	static const uint16_t data[4] = { 0x3f80, 0xc000, 0x3c00, 0xc000 };
	struct safetensors *st;
	struct errinfo ei;
	float out[2];

	(void)state;
	memcpy(file + 8, header, sizeof(header) - 1);
	memcpy(file + 8 + sizeof(header) - 1, data, sizeof(data));
	put_file("t.safetensors", file, sizeof(file));
	must(safetensors_open(path, &st, &ei), &ei);
	for (int i = 0; i < 2; i++) {
		must(safetensors_read(st, safetensors_at(st, i), out, &ei), &ei);
		assert_true(out[0] == 1 && out[1] == -2);
	}
	safetensors_close(st);
}

static void file_cut_while_open_is_an_error(void **state)
{
	struct safetensors *st;
	struct errinfo ei;
	float out[2];

	(void)state;
	put_header("t.safetensors", "{\"a\":{" F32_2 ",\"data_offsets\":[0,8]}}", 8);
	must(safetensors_open(path, &st, &ei), &ei);
	assert_int_equal(truncate(path, 60), 0);
	assert_int_equal(safetensors_read(st, safetensors_at(st, 0), out, &ei), ERR_IO);
	safetensors_close(st);
}

/* --- weights.h --- */

#define SHARD(name) "{\"" name "\":{" F32_2 ",\"data_offsets\":[0,8]}}"

static void weights_are_found_under_their_older_names(void **state)
{
	static const struct {
		const char *in_file, *wanted;
	} cases[] = {
		{ "bert.x.LayerNorm.weight", "bert.x.LayerNorm.weight" },
		{ "x.LayerNorm.weight", "bert.x.LayerNorm.weight" },
		{ "bert.x.LayerNorm.gamma", "bert.x.LayerNorm.weight" },
		{ "x.LayerNorm.beta", "bert.x.LayerNorm.bias" },
		{ "classifier.bias", "classifier.bias" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *header = mem_printf(SHARD("%s"), cases[i].in_file);
		struct weights *w;
		struct safetensors *st;
		struct errinfo ei;
		put_header("model.safetensors", header, 8);
		must(weights_open(dir, &w, &ei), &ei);
		assert_non_null(weights_find(w, cases[i].wanted, &st));
		assert_null(weights_find(w, "bert.y.LayerNorm.weight", &st));
		weights_close(w);
		free(header);
	}
}

static void weights_in_shards_are_found_in_their_files(void **state)
{
	static const char index[] = "{\"metadata\":{},\"weight_map\":{\"a\":\"1.safetensors\","
				    "\"b\":\"2.safetensors\"}}";
	struct weights *w;
	struct safetensors *sa, *sb;
	struct errinfo ei;

	(void)state;
	put_file("model.safetensors.index.json", index, sizeof(index) - 1);
	put_header("1.safetensors", SHARD("a"), 8);
	put_header("2.safetensors", SHARD("b"), 8);
	must(weights_open(dir, &w, &ei), &ei);
	assert_non_null(weights_find(w, "a", &sa));
	assert_non_null(weights_find(w, "b", &sb));
	assert_ptr_not_equal(sa, sb);
	weights_close(w);
}

static void an_index_that_does_not_fit_is_refused(void **state)
{
	static const struct {
		const char *index;
		enum err e;
		const char *says;
	} cases[] = {
		{ "", ERR_SYNTAX, "index.json" },
		{ "[]", ERR_INVALID, "weight_map is missing" },
		{ "{\"weight_map\":{}}", ERR_INVALID, "weight_map is missing" },
		{ "{\"weight_map\":{\"a\":1}}", ERR_INVALID, "weight_map.a is not a string" },
		{ "{\"weight_map\":{\"a\":\"../1.safetensors\"}}", ERR_INVALID, "plain file name" },
		{ "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", ERR_INVALID, "plain file name" },
		{ "{\"weight_map\":{\"a\":\"..\"}}", ERR_INVALID, "plain file name" },
		{ "{\"weight_map\":{\"a\":\"\"}}", ERR_INVALID, "plain file name" },
		{ "{\"weight_map\":{\"a\":\"9.safetensors\"}}", ERR_INVALID,
		  "9.safetensors is missing" },
		{ "{\"weight_map\":{\"b\":\"1.safetensors\"}}", ERR_INVALID,
		  "b is not in 1.safetensors" },
	};
	(void)state;
	put_header("1.safetensors", SHARD("a"), 8);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weights *w;
		struct errinfo ei = { "" };
		put_file("model.safetensors.index.json", cases[i].index, strlen(cases[i].index));
		enum err e = weights_open(dir, &w, &ei);
		if (e != cases[i].e || !strstr(ei.msg, cases[i].says))
			fail_msg("%s: %s: %s", cases[i].index, err_name(e), ei.msg);
	}
}

static void pickled_weights_are_refused_with_a_hint(void **state)
{
	struct weights *w;
	struct errinfo ei;

	(void)state;
	assert_int_equal(weights_open(dir, &w, &ei), ERR_NOT_FOUND);
	put_file("pytorch_model.bin", "x", 1);
	assert_int_equal(weights_open(dir, &w, &ei), ERR_UNSUPPORTED);
	assert_non_null(strstr(ei.msg, "safetensors"));
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_safetensors_XXXXXX");
	snprintf(path, sizeof(path), "%s/t.safetensors", mkdtemp(dir));
	return 0;
}

static int remove_dir(void **state)
{
	struct errinfo ei;

	(void)state;
	return files_remove(dir, &ei);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_refuses_damaged_headers_and_says_why),
		TEST(open_refuses_lengths_that_the_file_does_not_have),
		TEST(open_names_a_missing_file),
		TEST(open_accepts_what_the_reference_accepts),
		TEST(find_gives_shape_and_type_and_misses_other_names),
		TEST(what_is_written_reads_back),
		TEST(header_of_a_written_file_ends_at_a_multiple_of_8),
		TEST(abandoned_file_leaves_nothing_and_keeps_the_old_one),
		TEST(create_in_a_missing_directory_is_reported),
		TEST(half_precision_becomes_single_exactly),
		TEST(bfloat16_becomes_single_exactly),
		TEST(read_converts_half_precision_tensors),
		TEST(file_cut_while_open_is_an_error),
		TEST(weights_are_found_under_their_older_names),
		TEST(weights_in_shards_are_found_in_their_files),
		TEST(an_index_that_does_not_fit_is_refused),
		TEST(pickled_weights_are_refused_with_a_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
