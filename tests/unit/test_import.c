/* Models from tar archives: what is taken, what is refused, and that nothing else is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/mem.h"
#include "jobs/export.h"
#include "jobs/import.h"
#include "model/safetensors.h"
#include "tar_fixture.h"

#define CONFIG \
	"{\"model_type\": \"bert\", \"vocab_size\": 40, \"hidden_size\": 4, " \
	"\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"intermediate_size\": 6, " \
	"\"max_position_embeddings\": 16, \"id2label\": {\"0\": \"bad\", \"1\": \"good\"}}"
#define VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n"

static struct fixture {
	char dir[64];
	struct places p;
	struct db *db;
	int lock;
	struct buf weights; /* of a whole model.safetensors for CONFIG */
	struct buf tar;
	struct errinfo ei;
} f;

/* --- a model --- */

static const struct safetensors_item items[] = {
	{ "bert.embeddings.word_embeddings.weight", 2, { 40, 4 } },
	{ "bert.embeddings.position_embeddings.weight", 2, { 16, 4 } },
	{ "bert.embeddings.token_type_embeddings.weight", 2, { 2, 4 } },
	{ "bert.embeddings.LayerNorm.weight", 1, { 4 } },
	{ "bert.embeddings.LayerNorm.bias", 1, { 4 } },
	{ "bert.encoder.layer.0.attention.self.query.weight", 2, { 4, 4 } },
	{ "bert.encoder.layer.0.attention.self.query.bias", 1, { 4 } },
	{ "bert.encoder.layer.0.attention.self.key.weight", 2, { 4, 4 } },
	{ "bert.encoder.layer.0.attention.self.key.bias", 1, { 4 } },
	{ "bert.encoder.layer.0.attention.self.value.weight", 2, { 4, 4 } },
	{ "bert.encoder.layer.0.attention.self.value.bias", 1, { 4 } },
	{ "bert.encoder.layer.0.attention.output.dense.weight", 2, { 4, 4 } },
	{ "bert.encoder.layer.0.attention.output.dense.bias", 1, { 4 } },
	{ "bert.encoder.layer.0.attention.output.LayerNorm.weight", 1, { 4 } },
	{ "bert.encoder.layer.0.attention.output.LayerNorm.bias", 1, { 4 } },
	{ "bert.encoder.layer.0.intermediate.dense.weight", 2, { 6, 4 } },
	{ "bert.encoder.layer.0.intermediate.dense.bias", 1, { 6 } },
	{ "bert.encoder.layer.0.output.dense.weight", 2, { 4, 6 } },
	{ "bert.encoder.layer.0.output.dense.bias", 1, { 4 } },
	{ "bert.encoder.layer.0.output.LayerNorm.weight", 1, { 4 } },
	{ "bert.encoder.layer.0.output.LayerNorm.bias", 1, { 4 } },
	{ "bert.pooler.dense.weight", 2, { 4, 4 } },
	{ "bert.pooler.dense.bias", 1, { 4 } },
	{ "classifier.weight", 2, { 2, 4 } },
	{ "classifier.bias", 1, { 2 } },
};
enum { N_ITEMS = sizeof(items) / sizeof(*items) };

/* A model.safetensors of these tensors, all zeros, into out. */
static void weights_of(const struct safetensors_item *list, int n, struct buf *out)
{
	static const float zeros[256];
	struct safetensors_writer *w;
	char *path = mem_printf("%s/weights", f.dir);

	assert_int_equal(safetensors_create(path, list, n, &w, NULL), OK);
	for (int i = 0; i < n; i++) {
		int64_t count = list[i].shape[0] * (list[i].n_dims == 2 ? list[i].shape[1] : 1);
		assert_int_equal(safetensors_put(w, zeros, count, NULL), OK);
	}
	assert_int_equal(safetensors_finish(w, NULL), OK);
	assert_int_equal(files_read(path, 1 << 20, out, NULL), OK);
	assert_int_equal(files_remove(path, NULL), OK);
	free(path);
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	strcpy(f.dir, "/tmp/bertd-test-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	f.p = (struct places){ f.dir, NULL, NULL };
	assert_int_equal(places_open(&f.p, &f.lock, &f.ei), OK);
	assert_int_equal(db_open(":memory:", &f.db, &f.ei), OK);
	weights_of(items, N_ITEMS, &f.weights);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	db_close(f.db);
	close(f.lock);
	buf_clear(&f.weights);
	buf_clear(&f.tar);
	assert_int_equal(files_remove(f.dir, NULL), OK);
	return 0;
}

static void put_weights(const char *name, const struct buf *weights)
{
	tar_put_sized(&f.tar, name, '0', weights->data, weights->len, weights->len);
}

/* The three files that make a model, below a prefix. */
static void put_model(const char *prefix)
{
	char name[100];

	snprintf(name, sizeof(name), "%sconfig.json", prefix);
	tar_put(&f.tar, name, '0', CONFIG);
	snprintf(name, sizeof(name), "%smodel.safetensors", prefix);
	put_weights(name, &f.weights);
	snprintf(name, sizeof(name), "%svocab.txt", prefix);
	tar_put(&f.tar, name, '0', VOCAB);
}

/* --- importing --- */

static enum err import_as(const char *name, struct model_row *m, bool *existed)
{
	char *path = mem_printf("%s/up.tar", f.dir), sha256[SHA256_HEX_SIZE];
	struct import in = { path, (int64_t)f.tar.len, sha256, name };

	assert_int_equal(files_write(path, f.tar.data, f.tar.len, NULL), OK);
	hash_hex(f.tar.data, f.tar.len, sha256);
	enum err e = import_model(&f.p, f.db, &in, m, existed, &f.ei);
	assert_int_equal(files_remove(path, NULL), OK);
	free(path);
	return e;
}

static int entries(const char *folder)
{
	char *command = mem_printf("exit $(ls -A %s/%s | wc -l)", f.dir, folder);
	int n = system(command);

	free(command);
	return n >> 8;
}

/* The tar is ended, refused with these words, and has left nothing. */
static void refused(enum err want, const char *words)
{
	struct model_row m = { 0 };
	bool existed;

	tar_end(&f.tar);
	enum err e = import_as(NULL, &m, &existed);
	if (e != want || !strstr(f.ei.msg, words))
		fail_msg("%s: %s, wanted \"%s\"", err_name(e), f.ei.msg, words);
	assert_null(strstr(f.ei.msg, f.dir));
	assert_int_equal(entries("tmp") + entries("models"), 0);
	buf_reset(&f.tar);
}

static void imported(const char *name, struct model_row *m)
{
	bool existed;

	assert_int_equal(import_as(name, m, &existed), OK);
	assert_false(existed);
}

static void a_folder_becomes_a_model(void **state)
{
	struct model_row m;
	struct model_place place;
	char sha256[SHA256_HEX_SIZE];

	(void)state;
	put_model("some-folder/");
	tar_put(&f.tar, "some-folder/README.md", '0', "# mine\n");
	tar_end(&f.tar);
	imported("mine", &m);
	hash_hex(f.weights.data, f.weights.len, sha256);
	assert_string_equal(m.sha256, sha256);
	assert_string_equal(m.labels, "[\"bad\",\"good\"]");
	assert_string_equal(m.job_id, "");
	assert_int_equal(places_find_model(&f.p, f.db, "mine", &place, &f.ei), OK);
	assert_string_equal(place.id, m.id);
	assert_int_equal(files_tree_bytes(place.dir), m.bytes);
	assert_int_equal(entries("tmp"), 0);
	model_place_clear(&place);
	model_row_clear(&m);
}

static void files_without_a_folder_do_too_and_foreign_ones_are_left_out(void **state)
{
	struct model_row m;
	char *dir;

	(void)state;
	tar_put(&f.tar, "./", '5', "");
	tar_put(&f.tar, "./onnx/config.json", '0', "not this one");
	put_model("./");
	tar_put(&f.tar, "./training_args.bin", '0', "pickled");
	tar_put(&f.tar, "./openvino/config.json", '0', "nor this one");
	tar_put(&f.tar, "./.gitattributes", '0', "x");
	tar_end(&f.tar);
	imported(NULL, &m);
	dir = mem_printf("models/%s", m.id);
	assert_int_equal(entries(dir), 3);
	assert_null(m.name);
	free(dir);
	model_row_clear(&m);
}

static void the_same_tar_is_the_same_model_unless_another_name_is_wanted(void **state)
{
	struct model_row first, again;
	bool existed;

	(void)state;
	put_model("m/");
	tar_end(&f.tar);
	imported("one", &first);
	assert_int_equal(import_as(NULL, &again, &existed), OK);
	assert_true(existed);
	assert_string_equal(again.id, first.id);
	model_row_clear(&again);
	assert_int_equal(import_as("one", &again, &existed), OK);
	assert_true(existed);
	model_row_clear(&again);
	imported("two", &again);
	assert_string_not_equal(again.id, first.id);
	model_row_clear(&again);
	model_row_clear(&first);
}

static void an_export_comes_back_as_its_model(void **state)
{
	struct model_row m, again;
	struct export x;
	bool existed;

	(void)state;
	put_model("m/");
	tar_end(&f.tar);
	imported("round", &m);
	assert_int_equal(export_open(&f.p, f.db, "round", &x, &f.ei), OK);
	assert_string_equal(x.name, "round");
	buf_reset(&f.tar);
	buf_reserve(&f.tar, (size_t)tar_bytes(x.tar));
	f.tar.len = (size_t)tar_read(x.tar, 0, f.tar.data, (size_t)tar_bytes(x.tar));
	assert_int_equal(f.tar.len, tar_bytes(x.tar));
	export_close(&x);
	assert_int_equal(import_as(NULL, &again, &existed), OK);
	assert_true(existed);
	assert_string_equal(again.id, m.id);
	model_row_clear(&again);
	imported("other", &again);
	assert_string_equal(again.sha256, m.sha256);
	model_row_clear(&again);
	model_row_clear(&m);
}

/* Entries that are no files, wherever they stand and whatever they are called. */
static void links_and_devices_are_refused(void **state)
{
	static const char *const names[] = { "m/vocab.txt", "m/other", "config.json" };

	(void)state;
	for (const char *type = "12346SK"; *type; type++)
		for (size_t i = 0; i < 3; i++) {
			tar_put(&f.tar, names[i], *type, "");
			put_model("m/");
			refused(ERR_INVALID, "it holds a");
		}
	put_model("m/");
	tar_put(&f.tar, "m/late", '2', "");
	refused(ERR_INVALID, "it holds a link");
}

static void names_that_lead_out_are_refused(void **state)
{
	static const char *const names[] = {
		"../config.json", "/etc/config.json", "m/../config.json", "m/../../../x", "..",
		"a/b/c/..",	  "./../config.json", "//config.json"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		put_model("m/");
		tar_put(&f.tar, names[i], '0', CONFIG);
		refused(ERR_INVALID, "leads out of its folder");
	}
	put_model("m/");
	tar_put(&f.tar, "p", 'x', tar_record("path", "../../x"));
	tar_put(&f.tar, "m/x", '0', "");
	refused(ERR_INVALID, "leads out of its folder");
}

static void two_models_and_doubled_files_are_refused(void **state)
{
	(void)state;
	put_model("a/");
	put_model("b/");
	refused(ERR_INVALID, "in two folders");
	put_model("a/");
	tar_put(&f.tar, "a/config.json", '0', CONFIG);
	refused(ERR_INVALID, "config.json twice");
	put_model("a/");
	tar_put(&f.tar, "./a/vocab.txt", '0', VOCAB);
	refused(ERR_INVALID, "vocab.txt twice");
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	refused(ERR_INVALID, "has no config.json");
	tar_put(&f.tar, "m/config.json", '0', CONFIG);
	refused(ERR_INVALID, "has no model.safetensors");
	tar_put(&f.tar, "m/config.json", '0', CONFIG);
	tar_put(&f.tar, "m/pytorch_model.bin", '0', "x");
	refused(ERR_INVALID, "pickled weights");
	tar_put(&f.tar, "m/config.json", '0', CONFIG);
	tar_put(&f.tar, "m/model.safetensors.index.json", '0', "{}");
	refused(ERR_INVALID, "in shards");
	tar_put(&f.tar, "m/config.json", '0', CONFIG);
	put_weights("m/model.safetensors", &f.weights);
	refused(ERR_INVALID, "vocab");
	put_model("x/y/");
	refused(ERR_INVALID, "has no config.json");
}

/* A model whose config.json or vocab.txt is another one. */
static void with_files(const char *config, const char *vocab)
{
	tar_put(&f.tar, "config.json", '0', config);
	put_weights("model.safetensors", &f.weights);
	tar_put(&f.tar, "vocab.txt", '0', vocab);
}

static void configurations_are_checked(void **state)
{
	static const char *const cases[][2] = {
		{ "", "config.json" },
		{ "[]", "config.json" },
		{ "{\"model_type\": \"gpt2\"}", "gpt2" },
		{ "{\"hidden_size\": 4, \"num_attention_heads\": 3}", "num_attention_heads" },
		{ "{\"hidden_size\": 1e9}", "hidden_size" },
		{ "{\"num_hidden_layers\": 200000}", "num_hidden_layers" },
		{ "{\"vocab_size\": 41, \"hidden_size\": 4, \"num_attention_heads\": 2}",
		  "word_embeddings.weight does not have the shape" },
		{ "{\"id2label\": {\"0\": \"a\", \"1\": \"a\"}}", "id2label" },
		{ "{\"id2label\": {\"0\": 5}}", "id2label" },
		{ "{\"is_decoder\": true}", "is_decoder" },
	};
	char deep[400];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		with_files(cases[i][0], VOCAB);
		refused(ERR_INVALID, cases[i][1]);
	}
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	with_files(deep, VOCAB);
	refused(ERR_INVALID, "config.json");
}

static void vocabularies_are_checked(void **state)
{
	char large[256] = VOCAB;

	(void)state;
	for (int i = 0; i < 40; i++)
		sprintf(large + strlen(large), "x%d\n", i);
	with_files(CONFIG, large);
	refused(ERR_INVALID, "the vocabulary has 47 tokens, but the weights only 40");
	with_files(CONFIG, "");
	refused(ERR_INVALID, "[UNK]");
	with_files(CONFIG, VOCAB);
	tar_put(&f.tar, "tokenizer.json", '0', "{\"model\": {\"type\": \"BPE\"}}");
	refused(ERR_INVALID, "tokenizer.json");
}

static void with_weights(const struct safetensors_item *list, int n)
{
	struct buf weights = { 0 };

	weights_of(list, n, &weights);
	tar_put(&f.tar, "config.json", '0', CONFIG);
	put_weights("model.safetensors", &weights);
	tar_put(&f.tar, "vocab.txt", '0', VOCAB);
	buf_clear(&weights);
}

static void every_tensor_is_wanted_in_its_shape(void **state)
{
	struct safetensors_item list[N_ITEMS];

	(void)state;
	for (int i = 0; i < N_ITEMS; i++) {
		memcpy(list, items, sizeof(items));
		list[i] = list[N_ITEMS - 1];
		with_weights(list, N_ITEMS - 1);
		refused(ERR_INVALID, i == N_ITEMS - 1 ? "classifier.bias" : items[i].name);
		memcpy(list, items, sizeof(items));
		list[i].shape[0]++;
		with_weights(list, N_ITEMS);
		refused(ERR_INVALID, "does not have the shape");
	}
}

static void weights_are_read_as_hostile(void **state)
{
	struct buf broken = { 0 };

	(void)state;
	for (int i = 0; i < 6; i++) {
		buf_reset(&broken);
		buf_append(&broken, f.weights.data, f.weights.len);
		if (i == 0)
			broken.len = 4; /* not even a length */
		else if (i == 1)
			broken.len -= 4; /* cut */
		else if (i == 2)
			memset(broken.data, '\xff', 8); /* a header of 2⁶⁴ bytes */
		else if (i == 3)
			memcpy(strstr(broken.data + 8, "F32"), "I32", 3);
		else if (i == 4)
			memcpy(strstr(broken.data + 8, "[0,"), "[4,", 3);
		else
			buf_puts(&broken, "more");
		tar_put(&f.tar, "config.json", '0', CONFIG);
		put_weights("model.safetensors", &broken);
		tar_put(&f.tar, "vocab.txt", '0', VOCAB);
		refused(ERR_INVALID, "");
	}
	buf_clear(&broken);
}

static void what_is_no_tar_is_refused(void **state)
{
	(void)state;
	buf_puts(&f.tar, "PK\x03\x04 a zip");
	tar_pad(&f.tar);
	refused(ERR_INVALID, "checksum");
	buf_puts(&f.tar, "\x1f\x8b\x08");
	tar_pad(&f.tar);
	refused(ERR_UNSUPPORTED, "compressed");
	put_model("m/");
	f.tar.data[124] = '9';
	refused(ERR_INVALID, "checksum");
	put_model("m/");
	memcpy(f.tar.data + 124, "77777777777", 11);
	tar_seal(&f.tar, 0);
	refused(ERR_INVALID, "ends within an entry");
}

static void a_small_file_must_be_small(void **state)
{
	char *path = mem_printf("%s/up.tar", f.dir);
	struct import in = { path, (65 << 20) + 4096, "00", NULL };
	struct model_row m;
	bool existed;

	(void)state;
	tar_put(&f.tar, "m/config.json", '0', CONFIG);
	/* A hole: the content is never read. */
	tar_put_sized(&f.tar, "m/vocab.txt", '0', "", 0, 65 << 20);
	assert_int_equal(files_write(path, f.tar.data, f.tar.len, NULL), OK);
	assert_int_equal(truncate(path, in.bytes), 0);
	assert_int_equal(import_model(&f.p, f.db, &in, &m, &existed, &f.ei), ERR_TOO_LARGE);
	assert_non_null(strstr(f.ei.msg, "vocab.txt"));
	free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_folder_becomes_a_model),
		TEST(files_without_a_folder_do_too_and_foreign_ones_are_left_out),
		TEST(the_same_tar_is_the_same_model_unless_another_name_is_wanted),
		TEST(an_export_comes_back_as_its_model),
		TEST(links_and_devices_are_refused),
		TEST(names_that_lead_out_are_refused),
		TEST(two_models_and_doubled_files_are_refused),
		TEST(what_is_missing_is_named),
		TEST(configurations_are_checked),
		TEST(vocabularies_are_checked),
		TEST(every_tensor_is_wanted_in_its_shape),
		TEST(weights_are_read_as_hostile),
		TEST(what_is_no_tar_is_refused),
		TEST(a_small_file_must_be_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
