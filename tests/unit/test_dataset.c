/* Loading a data set: which rows, which classes, and what is told about bad data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/dataset.h"

#include "memfile.h"

/* Files by name, for the opener. */
struct file {
	const char *name, *text;
};

static enum err open_file(void *ctx, const char *name, int *fd, struct errinfo *ei)
{
	for (const struct file *f = ctx; f->name; f++) {
		if (strcmp(f->name, name) == 0) {
			*fd = memfile_text(f->text);
			return OK;
		}
	}
	if (strncmp(name, "tests/", 6) == 0) {
		*fd = open(name, O_RDONLY | O_CLOEXEC);
		assert_true(*fd >= 0);
		return OK;
	}
	if (strcmp(name, "broken disk") == 0)
		return err_set(ei, ERR_IO, "reading failed");
	return err_set(ei, ERR_NOT_FOUND, "no such file: %s", name);
}

/* What was read, a rendered row at each place of the splits. */
#define PLACES 64
struct read_rows {
	char *rows[N_SPLITS][PLACES];
	int64_t last_line[N_SPLITS];
	bool stop; /* with an error at the first row */
};

static enum err take(void *ctx, enum split s, int64_t place, const struct example *x,
		     struct errinfo *ei)
{
	struct read_rows *read = ctx;
	struct buf row = { 0 };

	if (read->stop)
		return err_set(ei, ERR_CANCELLED, "stopped");
	assert_in_range(place, 0, PLACES - 1);
	assert_null(read->rows[s][place]);
	assert_true(x->line > read->last_line[s]);
	read->last_line[s] = x->line;
	assert_int_equal(x->text[x->text_len], 0);
	buf_printf(&row, " %d:%s", (int)x->line, x->text);
	if (x->pair)
		buf_printf(&row, "+%.*s", (int)x->pair_len, x->pair);
	buf_printf(&row, "/%d", x->label);
	read->rows[s][place] = buf_take(&row);
	return OK;
}

/* Appends "labels a,b;train 2:text/0 3:…;test …". */
static void render(const struct dataset *d, struct read_rows *read, struct buf *out)
{
	for (int i = 0; i < dataset_n_labels(d); i++)
		buf_printf(out, "%s%s", i ? "," : "labels ", dataset_labels(d)[i]);
	for (int s = 0; s < N_SPLITS; s++) {
		int64_t n = dataset_n(d, (enum split)s);
		buf_printf(out, "%s%s", n ? ";" : "", n ? split_names[s] : "");
		for (int64_t i = 0; i < n; i++)
			buf_puts(out, read->rows[s][i]);
		assert_true(n == PLACES || !read->rows[s][n]);
	}
}

static void drop(struct read_rows *read)
{
	for (int s = 0; s < N_SPLITS; s++)
		for (int i = 0; i < PLACES; i++)
			free(read->rows[s][i]);
}

/* The data set, or the faults as "pointer: detail;…". */
static char *loaded(const char *object, const struct dataset_limits *limits, struct file *files)
{
	struct buf out = { 0 };
	struct dataset_spec spec;
	struct dataset *d;
	struct read_rows read = { 0 };
	struct faults faults = { 0 };
	struct errinfo ei;
	json_t *value = NULL, *fault;
	size_t k;

	assert_int_equal(json_parse(object, strlen(object), &value, &ei), OK);
	assert_true(dataset_spec_read(value, "#/dataset", &spec, &faults));
	enum err e = dataset_open(&spec, limits, NULL, open_file, files, &d, &faults, &ei);
	if (e == OK)
		e = dataset_read(d, take, &read, &faults, &ei);
	if (e != OK && e != ERR_INVALID)
		buf_printf(&out, "%s", err_name(e));
	assert_int_equal(faults_any(&faults), e == ERR_INVALID);
	json_array_foreach(faults.list, k, fault)
		buf_printf(&out, "%s: %s;",
			   json_string_value(json_object_get(fault, "pointer")) + 10,
			   json_string_value(json_object_get(fault, "detail")));
	if (e == OK)
		render(d, &read, &out);
	drop(&read);
	dataset_close(d);
	dataset_spec_clear(&spec);
	faults_clear(&faults);
	json_decref(value);
	return buf_take(&out);
}

static void assert_loads_within(const struct dataset_limits *limits, const char *object,
				struct file *files, const char *expected)
{
	char *got = loaded(object, limits, files);

	assert_string_equal(got, expected);
	free(got);
}

static void assert_loads(const char *object, struct file *files, const char *expected)
{
	assert_loads_within(&dataset_default_limits, object, files, expected);
}

struct load_case {
	const char *object;
	struct file files[4];
	const char *expected;
};

static void assert_cases(const struct load_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_loads(cases[i].object, (struct file *)cases[i].files, cases[i].expected);
}
#define ASSERT_CASES(cases) assert_cases(cases, sizeof(cases) / sizeof(*(cases)))

#define JUST_TRAIN "{\"train\": \"t\"}"
#define TRAIN_TEST "{\"train\": \"t\", \"test\": \"e\"}"
#define NAMED	   "{\"train\": \"t\", \"labels\": [\"neg\", \"pos\"]}"

static void both_formats_give_the_same_rows(void **state)
{
	static const struct load_case cases[] = {
		{ JUST_TRAIN,
		  { { "t", "text,label\na,x\n\n\"b\nc\",y\nd,x" } },
		  "labels x,y;train 2:a/0 4:b\nc/1 6:d/0" },
		{ JUST_TRAIN,
		  { { "t",
		      "{\"text\":\"a\",\"label\":\"x\"}\n\n{\"label\":\"y\",\"text\":\"b\\nc\","
		      "\"more\":[]}" } },
		  "labels x,y;train 1:a/0 3:b\nc/1" },
		{ "{\"train\": \"t\", \"text_column\": \"q\", \"label_column\": \"y\", "
		  "\"text_pair_column\": \"r\"}",
		  { { "t", "y,r,q\n0,b,a\n1,,c\n" } },
		  "labels 0,1;train 2:a+b/0 3:c+/1" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void words_that_pandas_takes_for_missing_stay_texts(void **state)
{
	static const struct load_case cases[] = {
		{ JUST_TRAIN,
		  { { "t", "text,label\nNA,NA\nnull,None\n,NA\n" } },
		  "labels NA,None;train 2:NA/0 3:null/1 4:/0" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void names_are_sorted_by_code_point(void **state)
{
	static const struct load_case cases[] = {
		{ JUST_TRAIN,
		  { { "t", "text,label\n1,b\n2,\xc3\xa9\n3,B\n4,\xf0\x9f\x8e\x89\n5,\xef\xbc\xa1\n"
			   "6,10\n7,9\n8,b\n" } },
		  "labels 10,9,B,b,\xc3\xa9,\xef\xbc\xa1,\xf0\x9f\x8e\x89;"
		  "train 2:1/3 3:2/4 4:3/2 5:4/6 6:5/5 7:6/0 8:7/1 9:8/3" },
		{ JUST_TRAIN,
		  { { "t", "{\"text\":\"a\",\"label\":true}\n{\"text\":\"b\",\"label\":false}" } },
		  "labels false,true;train 1:a/1 2:b/0" },
		{ JUST_TRAIN,
		  { { "t",
		      "{\"text\":\"a\",\"label\":\"10\"}\n{\"text\":\"b\",\"label\":\"9\"}" } },
		  "labels 10,9;train 1:a/0 2:b/1" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void numbers_name_themselves(void **state)
{
	static const struct load_case cases[] = {
		{ JUST_TRAIN,
		  { { "t", "text,label\na,1\nb, 0\nc,+02\nd,1 \n" } },
		  "labels 0,1,2;train 2:a/1 3:b/0 4:c/2 5:d/1" },
		{ JUST_TRAIN,
		  { { "t", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\",\"label\":0}" } },
		  "labels 0,1;train 1:a/1 2:b/0" },
		{ JUST_TRAIN,
		  { { "t", "text,label\na,1\nb,2\n" } },
		  "train: the labels are the numbers 1, 2; they must run from 0 without gaps, or "
		  "\"labels\" must list them as names;" },
		{ JUST_TRAIN,
		  { { "t", "text,label\na,-1\nb,0\nc,1\n" } },
		  "train: the labels are the numbers -1, 0, 1; they must run from 0 without gaps, "
		  "or "
		  "\"labels\" must list them as names;" },
		{ JUST_TRAIN,
		  { { "t", "text,label\na,0\nb,1\nc,NA\n" } },
		  "train: line 4: the label \"NA\" is no whole number, as on other lines;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void given_labels_take_indices_and_names(void **state)
{
	static const struct load_case cases[] = {
		{ NAMED,
		  { { "t", "text,label\na,1\nb,0\n" } },
		  "labels neg,pos;train 2:a/1 3:b/0" },
		{ NAMED,
		  { { "t", "text,label\na,pos\nb,neg\n" } },
		  "labels neg,pos;train 2:a/1 3:b/0" },
		{ NAMED,
		  { { "t", "text,label\na,pos\nb,nge\nc,x\n" } },
		  "train: line 3: the label \"nge\" is not in labels; did you mean \"neg\"?;"
		  "train: line 4: the label \"x\" is not in labels;" },
		{ NAMED,
		  { { "t", "text,label\na,0\nb,2\nc,-1\n" } },
		  "train: line 3: the label 2 is no index into the 2 labels (0 to 1);"
		  "train: line 4: the label -1 is no index into the 2 labels (0 to 1);" },
		{ "{\"train\": \"t\", \"labels\": [\"1\", \"2\", \"3\"]}",
		  { { "t", "text,label\na,3\nb,1\n" } },
		  "labels 1,2,3;train 2:a/2 3:b/0" },
		{ "{\"train\": \"t\", \"labels\": [\"012\", \"007\"]}",
		  { { "t", "text,label\na,007\nb,012\n" } },
		  "labels 012,007;train 2:a/1 3:b/0" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void labels_that_train_lacks_are_faults(void **state)
{
	static const struct load_case cases[] = {
		{ TRAIN_TEST,
		  { { "t", "text,label\na,x\nb,y\n" }, { "e", "text,label\na,y\nb,z\n" } },
		  "test: line 3: the label \"z\" does not occur in the training rows;" },
		{ TRAIN_TEST,
		  { { "t", "text,label\na,1\nb,0\n" }, { "e", "{\"text\":\"b\",\"label\":1}" } },
		  "labels 0,1;train 2:a/1 3:b/0;test 1:b/1" },
		{ TRAIN_TEST,
		  { { "t", "text,label\na,1\nb,0\n" }, { "e", "text,label\na,2\n" } },
		  "test: line 2: the label \"2\" does not occur in the training rows;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void cells_that_are_no_texts_or_labels_are_faults(void **state)
{
	static const struct load_case cases[] = {
		{ JUST_TRAIN,
		  { { "t", "text,label\na,x\nb\nc,\n" } },
		  "train: line 3: the label is missing;train: line 4: the label is missing;" },
		{ "{\"train\": \"t\", \"text_pair_column\": \"p\"}",
		  { { "t", "label,text,p\nx\ny,b\n" } },
		  "train: line 2: \"text\" is missing;train: line 2: \"p\" is missing;"
		  "train: line 3: \"p\" is missing;" },
		{ JUST_TRAIN,
		  { { "t", "{\"text\":1,\"label\":\"x\"}\n{\"text\":null,\"label\":null}\n"
			   "{\"text\":[],\"label\":[\"x\"]}\n{\"text\":{},\"label\":{}}\n"
			   "{\"text\":true,\"label\":1}\n{\"text\":1.5,\"label\":1.5}\n"
			   "{\"text\":\"\",\"label\":\"\"}\n{}\n"
			   "{\"text\":\"a\",\"label\":\"x\\u0000\"}\n" } },
		  "train: line 1: \"text\" is a number, not a string;"
		  "train: line 2: \"text\" is missing;train: line 2: the label is missing;"
		  "train: line 3: \"text\" is a list, not a string;"
		  "train: line 3: the label is a list; one label for each text is supported;"
		  "train: line 4: \"text\" is an object, not a string;"
		  "train: line 4: the label must be a string or a whole number;"
		  "train: line 5: \"text\" is true or false, not a string;"
		  "train: line 5: the label is a number, but other lines have names;"
		  "train: line 6: \"text\" is a number with a fraction or an exponent, not a "
		  "string;"
		  "train: line 6: the label must be a string or a whole number;"
		  "train: line 7: the label is empty;"
		  "train: line 8: \"text\" is missing;train: line 8: the label is missing;"
		  "train: line 9: the label holds the character U+0000;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void files_that_cannot_be_used_are_faults_of_their_split(void **state)
{
	static const struct load_case cases[] = {
		{ TRAIN_TEST, { { "t", "" } }, "train: the file is empty;test: no such file: e;" },
		{ JUST_TRAIN, { { "t", "text,label\n" } }, "train: the file has no rows;" },
		{ JUST_TRAIN,
		  { { "t", "PAR1\x15\x04\xff" } },
		  "train: the Parquet file is cut off;" },
		{ JUST_TRAIN,
		  { { "t", "[\n {\"text\": \"a\"}]" } },
		  "train: the file is one JSON array; JSON Lines are read: one object a line, "
		  "without brackets and commas around them;" },
		{ JUST_TRAIN,
		  { { "t", "sentence,lable\na,x\n" } },
		  "text_column: the train file has no column \"text\"; its columns are "
		  "\"sentence\", \"lable\";"
		  "label_column: the train file has no column \"label\"; its columns are "
		  "\"sentence\", \"lable\"; did you mean \"lable\"?;" },
		{ JUST_TRAIN,
		  { { "t", "{}\n{}" } },
		  "text_column: the train file has no column \"text\"; its columns are none;"
		  "label_column: the train file has no column \"label\"; its columns are none;" },
		{ JUST_TRAIN,
		  { { "t", "text,label,text\na,x,b\na,y,b\n" } },
		  "train: the header names the column \"text\" 2 times;" },
		{ JUST_TRAIN,
		  { { "t", "text,label\na,x\na,b,y\nc\n\"d,x\n" } },
		  "train: line 3: 3 fields where the header has 2; a text with a comma needs "
		  "quotes;"
		  "train: line 5: the quoted field that begins here is never closed;"
		  "train: line 4: the label is missing;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

/* Faults of labels are known when the files have been surveyed, those of texts only when they are
 * read; whoever mends one should hear of the other at once. */
static void faulty_texts_are_told_with_faulty_labels(void **state)
{
	static const struct load_case cases[] = {
		{ TRAIN_TEST,
		  { { "t", "{\"text\":1,\"label\":\"x\"}\n{\"text\":\"a\",\"label\":\"y\"}" },
		    { "e", "{\"text\":2,\"label\":\"z\"}" } },
		  "test: line 1: \"text\" is a number, not a string;"
		  "test: line 1: the label \"z\" does not occur in the training rows;"
		  "train: line 1: \"text\" is a number, not a string;" },
		{ TRAIN_TEST,
		  { { "t", "{\"text\":1,\"label\":\"x\"}\n{\"text\":\"a\",\"label\":\"y\"}" },
		    { "e", "{\"text\":2,\"label\":\"x\"}" } },
		  "train: line 1: \"text\" is a number, not a string;"
		  "test: line 1: \"text\" is a number, not a string;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void one_class_is_not_enough(void **state)
{
	static const struct load_case cases[] = {
		{ JUST_TRAIN,
		  { { "t", "text,label\na,x\nb,x\n" } },
		  "train: all training rows have the label \"x\"; a classifier needs two;" },
		{ "{\"train\": {\"file\": \"t\", \"rows\": [0, 2]}, \"labels\": [\"x\", \"y\"]}",
		  { { "t", "text,label\na,y\nb,y\nc,x\n" } },
		  "train: all training rows have the label \"y\"; a classifier needs two;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

#define TEN_ROWS "text,label\n0,a\n1,b\n2,a\n3,b\n4,a\n5,b\n6,a\n7,b\n8,a\n9,b\n"

static void samples_and_rows_are_picked_in_order(void **state)
{
	static const struct load_case cases[] = {
		/* permutation(10) under seed 42: 8 1 5 0 7 2 9 4 3 6 */
		{ "{\"train\": {\"file\": \"t\", \"sample\": 5, \"rows\": [1, 4]}}",
		  { { "t", TEN_ROWS } },
		  "labels a,b;train 3:1/1 7:5/1 2:0/0" },
		{ "{\"train\": {\"file\": \"t\", \"rows\": [7, null]}}",
		  { { "t", TEN_ROWS } },
		  "labels a,b;train 9:7/1 10:8/0 11:9/1" },
		{ "{\"train\": \"t\", \"validation_split\": 0.35}",
		  { { "t", TEN_ROWS } },
		  "labels a,b;train 9:7/1 4:2/0 11:9/1 6:4/0 5:3/1 8:6/0;"
		  "validation 10:8/0 3:1/1 7:5/1 2:0/0" },
		{ "{\"train\": {\"file\": \"t\", \"sample\": 11}}",
		  { { "t", TEN_ROWS } },
		  "train/sample: asks for 11 rows, the file has 10;" },
		{ "{\"train\": {\"file\": \"t\", \"sample\": 5, \"rows\": [2, 6]}}",
		  { { "t", TEN_ROWS } },
		  "train/rows: asks for [2, 6) of 5 rows;" },
		{ "{\"train\": {\"file\": \"t\", \"rows\": [10, null]}}",
		  { { "t", TEN_ROWS } },
		  "train/rows: asks for [10, 10) of 10 rows;" },
		{ "{\"train\": {\"file\": \"t\", \"rows\": [0, 2]}, \"validation_split\": 0.6}",
		  { { "t", TEN_ROWS } },
		  "validation_split: leaves no training rows;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void cells_of_rows_that_are_not_taken_do_not_matter(void **state)
{
	static const struct load_case cases[] = {
		{ "{\"train\": {\"file\": \"t\", \"rows\": [1, 3]}}",
		  { { "t", "text,label\na\nb,0\nc,1\nd,\n" } },
		  "labels 0,1;train 3:b/0 4:c/1" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void assert_many_faults(int n, const char *end)
{
	struct buf text = { 0 };

	buf_puts(&text, "text,label\n");
	for (int i = 0; i < n; i++)
		buf_puts(&text, "a\n");
	struct file files[] = { { "t", text.data }, { NULL, NULL } };
	char *got = loaded(JUST_TRAIN, &dataset_default_limits, files);
	assert_true(strlen(got) > strlen(end));
	assert_string_equal(got + strlen(got) - strlen(end), end);
	free(got);
	buf_clear(&text);
}

static void faults_beyond_twenty_are_counted(void **state)
{
	(void)state;
	assert_many_faults(20, "line 21: the label is missing;");
	assert_many_faults(21,
			   "line 21: the label is missing;train: \xe2\x80\xa6 and 1 more fault;");
	assert_many_faults(25,
			   "line 21: the label is missing;train: \xe2\x80\xa6 and 5 more faults;");
}

static void limits_are_faults(void **state)
{
	static const struct {
		struct dataset_limits limits;
		const char *file, *expected;
	} cases[] = {
		{ { 20, 9, 9, 9 }, TEN_ROWS, "train: the file is larger than 20 bytes;" },
		{ { 99, 9, 9, 9 }, TEN_ROWS, "train: the file has more than 9 rows;" },
		{ { 99, 9, 6, 9 },
		  "text,label\nabcdefg,x\n",
		  "train: line 2: a field is longer than 6 bytes;" },
		{ { 99, 9, 6, 9 },
		  "{\"text\":\"abcdefg\",\"label\":\"x\"}",
		  "train: line 1: \"text\" is longer than 6 bytes;" },
		{ { 99, 9, 9, 2 },
		  "text,label\na,x\na,y\na,z\n",
		  "train: more than 2 different labels; is label_column the right one?;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct file files[] = { { "t", cases[i].file }, { NULL, NULL } };
		assert_loads_within(&cases[i].limits, JUST_TRAIN, files, cases[i].expected);
	}
}

static void the_machines_faults_are_errors(void **state)
{
	static const struct load_case cases[] = {
		{ "{\"train\": \"broken disk\"}", { { NULL, NULL } }, "ERR_IO" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void an_evaluation_needs_no_training_rows(void **state)
{
	char *labels[] = { "neg", "pos" };
	struct dataset_spec spec = {
		.text_column = "text", .label_column = "label", .labels = labels, .n_labels = 2
	};
	struct file files[] = { { "e", "text,label\na,pos\n" }, { NULL, NULL } };
	struct dataset *d;
	struct faults faults = { 0 };
	struct errinfo ei;

	(void)state;
	spec.splits[SPLIT_TEST] = (struct split_spec){ .file = "e", .sample = -1, .last = -1 };
	assert_int_equal(dataset_open(&spec, &dataset_default_limits, NULL, open_file, files, &d,
				      &faults, &ei),
			 OK);
	assert_int_equal(dataset_n(d, SPLIT_TRAIN), 0);
	assert_int_equal(dataset_n(d, SPLIT_TEST), 1);
	dataset_close(d);
}

/* --- Parquet --- */

#define PARQUET_FILES "tests/data/parquet/"

static void class_names_of_the_file_count_as_given(void **state)
{
	static const struct load_case cases[] = {
		{ "{\"train\": {\"file\": \"" PARQUET_FILES "hub.parquet\", \"rows\": [3, 5]}}",
		  { { NULL, NULL } },
		  "labels negative,positive;train 4:Dull; I left early./0 5:Gr\xc3\xb6\xc3\x9f"
		  "e, \xe6\x98\xa0\xe7\x94\xbb, \xf0\x9f\x8e\xac/1" },
		/* the caller's names win */
		{ "{\"train\": {\"file\": \"" PARQUET_FILES
		  "hub.parquet\", \"rows\": [8, 10]}, \"labels\": [\"bad\", \"good\"]}",
		  { { NULL, NULL } },
		  "labels bad,good;train 9:\"quoted\", and a comma/0 10:The end./1" },
		/* other files name them, or give their indices */
		{ "{\"train\": {\"file\": \"" PARQUET_FILES
		  "hub.parquet\", \"rows\": [8, 10]}, \"test\": \"e\"}",
		  { { "e", "text,label\na,positive\nb,negative\n" } },
		  "labels negative,positive;train 9:\"quoted\", and a comma/0 10:The end./1;"
		  "test 2:a/1 3:b/0" },
		{ "{\"train\": {\"file\": \"" PARQUET_FILES
		  "hub.parquet\", \"rows\": [8, 10]}, \"test\": \"e\"}",
		  { { "e", "text,label\na,1\nb,2\n" } },
		  "test: line 3: the label 2 is no index into the 2 labels (0 to 1);" },
		/* a file's numbers are indices into its own names */
		{ "{\"train\": \"t\", \"test\": {\"file\": \"" PARQUET_FILES
		  "hub.parquet\", \"rows\": [8, 10]}}",
		  { { "t", "text,label\na,positive\nb,negative\nc,awful\n" } },
		  "labels awful,negative,positive;train 2:a/2 3:b/1 4:c/0;"
		  "test 9:\"quoted\", and a comma/1 10:The end./2" },
		/* without names the numbers are the classes */
		{ "{\"train\": {\"file\": \"" PARQUET_FILES "plain.parquet\", \"rows\": [8, 10]}}",
		  { { NULL, NULL } },
		  "labels 0,1;train 9:\"quoted\", and a comma/0 10:The end./1" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

static void faults_of_parquet_name_the_row(void **state)
{
	static const struct load_case cases[] = {
		{ "{\"train\": \"" PARQUET_FILES "hub.parquet\"}",
		  { { NULL, NULL } },
		  "train: line 3: \"text\" is missing;train: line 6: the label is missing;" },
		{ "{\"train\": \"" PARQUET_FILES "hub.parquet\", \"text_column\": \"texd\"}",
		  { { NULL, NULL } },
		  "text_column: the train file has no column \"texd\"; its columns are \"text\", "
		  "\"label\"; did you mean \"text\"?;" },
		{ "{\"train\": \"" PARQUET_FILES
		  "unread.parquet\", \"text_column\": \"list\", \"label_column\": \"struct\"}",
		  { { NULL, NULL } },
		  "train: the column \"struct\" is a struct, which is not read;" },
	};

	(void)state;
	ASSERT_CASES(cases);
}

/* --- between the passes --- */

/* A data set of one file, whose content may change after it was opened. */
struct moving {
	int fd;
	struct dataset_spec spec;
	struct dataset *d;
	struct faults faults;
};

static enum err open_moving(void *ctx, const char *name, int *fd, struct errinfo *ei)
{
	struct moving *m = ctx;

	(void)name;
	(void)ei;
	*fd = dup(m->fd);
	return OK;
}

static void open_text(struct moving *m, const char *text)
{
	static char file[] = "f", text_column[] = "text", label_column[] = "label";
	struct errinfo ei;

	*m = (struct moving){ .fd = memfile_text(text) };
	m->spec = (struct dataset_spec){ .text_column = text_column, .label_column = label_column };
	m->spec.splits[SPLIT_TRAIN] = (struct split_spec){ .file = file, .sample = -1, .last = -1 };
	assert_int_equal(dataset_open(&m->spec, &dataset_default_limits, "/tmp", open_moving, m,
				      &m->d, &m->faults, &ei),
			 OK);
}

static void close_moving(struct moving *m)
{
	dataset_close(m->d);
	faults_clear(&m->faults);
	close(m->fd);
}

static void it_may_be_read_more_than_once(void **state)
{
	struct moving m;
	struct errinfo ei;

	(void)state;
	open_text(&m, "text,label\na,x\nb,y\n");
	for (int pass = 0; pass < 2; pass++) {
		struct read_rows read = { 0 };
		assert_int_equal(dataset_read(m.d, take, &read, &m.faults, &ei), OK);
		assert_string_equal(read.rows[SPLIT_TRAIN][1], " 3:b/1");
		drop(&read);
	}
	close_moving(&m);
}

static void an_error_of_the_taker_ends_the_reading(void **state)
{
	struct read_rows read = { .stop = true };
	struct moving m;
	struct errinfo ei;

	(void)state;
	open_text(&m, "text,label\na,x\nb,y\n");
	assert_int_equal(dataset_read(m.d, take, &read, &m.faults, &ei), ERR_CANCELLED);
	assert_string_equal(ei.msg, "stopped");
	assert_false(faults_any(&m.faults));
	close_moving(&m);
}

static void a_file_that_changed_since_it_was_opened_is_a_fault(void **state)
{
	static const char *const contents[] = {
		"",
		"text,label\na,x\n",
		"text,label\na,x\nb,y\nc,x\n",
		"text,label\na,x\nb,y\nc,x\nd,x\ne,y\nf,x\n",
		"text,label\na,x\n\"b,y",
		"{\"text\":\"a\"}\n",
		"PAR1PAR1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		struct read_rows read = { 0 };
		struct moving m;
		struct errinfo ei;
		open_text(&m, "text,label\na,x\nb,y\n");
		ssize_t n = (ssize_t)strlen(contents[i]);
		assert_int_equal(ftruncate(m.fd, 0), 0);
		assert_int_equal(pwrite(m.fd, contents[i], (size_t)n, 0), n);
		assert_int_equal(dataset_read(m.d, take, &read, &m.faults, &ei), ERR_INVALID);
		const json_t *last =
			json_array_get(m.faults.list, json_array_size(m.faults.list) - 1);
		assert_string_equal(json_string_value(json_object_get(last, "detail")),
				    "the file changed while it was read");
		drop(&read);
		close_moving(&m);
	}
}

static void probing_counts_rows_and_names_columns(void **state)
{
	static const struct {
		const char *file, *columns;
		int rows;
		const char *format;
	} cases[] = {
		{ "text,label\na,b\n\"c\nd\",e\n", "[\"text\",\"label\"]", 2, "csv" },
		{ "{\"b\":1}\n{\"a\":2,\"b\":3}\n", "[\"b\",\"a\"]", 2, "jsonl" },
		{ "\xef\xbb\xbf \n{\"b\":1}", "[\"b\"]", 1, "jsonl" },
		{ "only\n", "[\"only\"]", 0, "csv" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = memfile_text(cases[i].file);
		struct faults faults = { 0 };
		struct errinfo ei;
		struct buf text = { 0 };
		struct dataset_outline found;
		assert_int_equal(dataset_probe(fd, &dataset_default_limits, &found, &faults, &ei),
				 OK);
		assert_int_equal(found.rows, cases[i].rows);
		assert_string_equal(rows_format_name(found.format), cases[i].format);
		json_print(found.columns, &text);
		assert_string_equal(text.data, cases[i].columns);
		json_decref(found.columns);
		buf_clear(&text);
		close(fd);
	}
}

static void probing_tells_what_is_wrong(void **state)
{
	int fd = memfile_text("text,label\na\nb,c,d\n\xff\n");
	struct faults faults = { 0 };
	struct errinfo ei;
	struct dataset_outline found;

	(void)state;
	assert_int_equal(dataset_probe(fd, &dataset_default_limits, &found, &faults, &ei),
			 ERR_INVALID);
	assert_int_equal(json_array_size(faults.list), 2);
	assert_null(found.columns);
	faults_clear(&faults);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_formats_give_the_same_rows),
		cmocka_unit_test(words_that_pandas_takes_for_missing_stay_texts),
		cmocka_unit_test(names_are_sorted_by_code_point),
		cmocka_unit_test(numbers_name_themselves),
		cmocka_unit_test(given_labels_take_indices_and_names),
		cmocka_unit_test(labels_that_train_lacks_are_faults),
		cmocka_unit_test(cells_that_are_no_texts_or_labels_are_faults),
		cmocka_unit_test(files_that_cannot_be_used_are_faults_of_their_split),
		cmocka_unit_test(faulty_texts_are_told_with_faulty_labels),
		cmocka_unit_test(one_class_is_not_enough),
		cmocka_unit_test(samples_and_rows_are_picked_in_order),
		cmocka_unit_test(cells_of_rows_that_are_not_taken_do_not_matter),
		cmocka_unit_test(faults_beyond_twenty_are_counted),
		cmocka_unit_test(limits_are_faults),
		cmocka_unit_test(the_machines_faults_are_errors),
		cmocka_unit_test(an_evaluation_needs_no_training_rows),
		cmocka_unit_test(class_names_of_the_file_count_as_given),
		cmocka_unit_test(faults_of_parquet_name_the_row),
		cmocka_unit_test(it_may_be_read_more_than_once),
		cmocka_unit_test(an_error_of_the_taker_ends_the_reading),
		cmocka_unit_test(a_file_that_changed_since_it_was_opened_is_a_fault),
		cmocka_unit_test(probing_counts_rows_and_names_columns),
		cmocka_unit_test(probing_tells_what_is_wrong),
	};

	return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
