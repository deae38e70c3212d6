/* config.json of a model: what is read, what is refused, what is written. */
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char dir[64];

static void must(enum err e, const struct errinfo *ei)
{
	if (e != OK)
		fail_msg("%s: %s", err_name(e), ei->msg);
}

static enum err read_text(const char *text, struct bert_config *c, struct errinfo *ei)
{
	char *path = mem_printf("%s/config.json", dir);

	must(files_write(path, text, strlen(text), ei), ei);
	free(path);
	return bert_config_read(dir, c, ei);
}

static json_t *written(void)
{
	char *path = mem_printf("%s/config.json", dir);
	struct buf text = { 0 };
	struct errinfo ei;
	json_t *v = NULL;

	must(files_read(path, 1 << 20, &text, &ei), &ei);
	must(json_parse(text.data, text.len, &v, &ei), &ei);
	buf_clear(&text);
	free(path);
	return v;
}

static void an_empty_object_is_bert_base(void **state)
{
	struct bert_config c;
	struct errinfo ei;

	(void)state;
	must(read_text("{}", &c, &ei), &ei);
	assert_int_equal(c.vocab_size, 30522);
	assert_int_equal(c.hidden_size, 768);
	assert_int_equal(c.num_hidden_layers, 12);
	assert_int_equal(c.intermediate_size, 3072);
	assert_true(c.hidden_dropout_prob == 0.1 && c.layer_norm_eps == 1e-12 &&
		    c.classifier_dropout < 0);
	assert_string_equal(bert_hidden_acts[c.hidden_act], "gelu");
	assert_int_equal(c.num_labels, 2);
	assert_string_equal(c.labels[1], "LABEL_1");
	bert_config_clear(&c);
}

static void members_of_the_file_are_taken(void **state)
{
	struct bert_config c;
	struct errinfo ei;

	(void)state;
	must(read_text("{\"model_type\":\"bert\",\"hidden_size\":48,\"num_attention_heads\":4,"
		       "\"vocab_size\":100,"
		       "\"hidden_dropout_prob\":0,\"classifier_dropout\":0.3,\"hidden_act\":\"gelu_"
		       "new\","
		       "\"pad_token_id\":null,\"id2label\":{\"1\":\"yes\",\"0\":\"no\",\"2\":"
		       "\"maybe\"},"
		       "\"label2id\":{\"no\":0,\"yes\":1,\"maybe\":2},\"num_labels\":3}",
		       &c, &ei),
	     &ei);
	assert_int_equal(c.hidden_size, 48);
	assert_true(c.hidden_dropout_prob == 0 && c.classifier_dropout == 0.3);
	assert_string_equal(bert_hidden_acts[c.hidden_act], "gelu_new");
	assert_int_equal(c.num_labels, 3);
	assert_string_equal(c.labels[2], "maybe");
	bert_config_clear(&c);
}

static const struct {
	const char *text;
	enum err e;
	const char *says;
} refused[] = {
	{ "", ERR_SYNTAX, "config.json" },
	{ "{", ERR_SYNTAX, "line 1" },
	{ "[]", ERR_INVALID, "not an object" },
	{ "{\"hidden_size\":1,\"hidden_size\":2}", ERR_SYNTAX, "duplicate" },
	{ "{\"model_type\":\"roberta\"}", ERR_UNSUPPORTED, "model_type is \"roberta\"" },
	{ "{\"model_type\":3}", ERR_INVALID, "model_type" },
	{ "{\"position_embedding_type\":\"relative_key\"}", ERR_UNSUPPORTED, "relative_key" },
	{ "{\"is_decoder\":true}", ERR_UNSUPPORTED, "is_decoder" },
	{ "{\"add_cross_attention\":true}", ERR_UNSUPPORTED, "add_cross_attention" },
	{ "{\"quantization_config\":{}}", ERR_UNSUPPORTED, "quantization_config" },
	{ "{\"hidden_act\":\"silu\"}", ERR_UNSUPPORTED, "silu" },
	{ "{\"hidden_act\":1}", ERR_INVALID, "hidden_act" },
	{ "{\"hidden_size\":\"768\"}", ERR_INVALID, "hidden_size" },
	{ "{\"hidden_size\":0}", ERR_INVALID, "hidden_size" },
	{ "{\"hidden_size\":-768}", ERR_INVALID, "hidden_size" },
	{ "{\"hidden_size\":1000000000}", ERR_INVALID, "hidden_size" },
	{ "{\"hidden_size\":770}", ERR_INVALID, "multiple of num_attention_heads" },
	{ "{\"num_hidden_layers\":0}", ERR_INVALID, "num_hidden_layers" },
	{ "{\"num_hidden_layers\":100000}", ERR_INVALID, "num_hidden_layers" },
	{ "{\"num_attention_heads\":0}", ERR_INVALID, "num_attention_heads" },
	{ "{\"intermediate_size\":9223372036854775807}", ERR_INVALID, "intermediate_size" },
	{ "{\"vocab_size\":2000000000}", ERR_INVALID, "vocab_size" },
	{ "{\"max_position_embeddings\":0}", ERR_INVALID, "max_position_embeddings" },
	{ "{\"type_vocab_size\":0}", ERR_INVALID, "type_vocab_size" },
	{ "{\"pad_token_id\":30522}", ERR_INVALID, "pad_token_id" },
	{ "{\"pad_token_id\":-1}", ERR_INVALID, "pad_token_id" },
	{ "{\"layer_norm_eps\":-1}", ERR_INVALID, "layer_norm_eps" },
	{ "{\"hidden_dropout_prob\":1.0}", ERR_INVALID, "hidden_dropout_prob" },
	{ "{\"attention_probs_dropout_prob\":-0.1}", ERR_INVALID, "attention_probs_dropout_prob" },
	{ "{\"classifier_dropout\":2}", ERR_INVALID, "classifier_dropout" },
	{ "{\"initializer_range\":-0.02}", ERR_INVALID, "initializer_range" },
	{ "{\"num_labels\":0}", ERR_INVALID, "num_labels" },
	{ "{\"num_labels\":1000000}", ERR_INVALID, "num_labels" },
	{ "{\"num_labels\":3,\"id2label\":{\"0\":\"a\",\"1\":\"b\"}}", ERR_INVALID,
	  "num_labels is 3 but id2label has 2" },
	{ "{\"id2label\":[]}", ERR_INVALID, "id2label" },
	{ "{\"id2label\":{}}", ERR_INVALID, "id2label" },
	{ "{\"id2label\":{\"0\":\"a\",\"2\":\"b\"}}", ERR_INVALID, "no name for 1" },
	{ "{\"id2label\":{\"0\":\"a\",\"01\":\"b\"}}", ERR_INVALID, "no name for 1" },
	{ "{\"id2label\":{\"0\":\"a\",\"1\":1}}", ERR_INVALID, "no name for 1" },
	{ "{\"id2label\":{\"0\":\"a\",\"1\":\"\"}}", ERR_INVALID, "id2label.1" },
	{ "{\"id2label\":{\"0\":\"a\",\"1\":\"a\"}}", ERR_INVALID, "\"a\" stands for two" },
	{ "{\"id2label\":{\"0\":\"a\"},\"label2id\":{\"a\":1}}", ERR_INVALID,
	  "label2id: \"a\" is not 0" },
	{ "{\"id2label\":{\"0\":\"a\"},\"label2id\":{\"b\":0}}", ERR_INVALID,
	  "label2id: \"a\" is not 0" },
	{ "{\"id2label\":{\"0\":\"a\"},\"label2id\":{\"a\":0,\"b\":1}}", ERR_INVALID, "label2id" },
	{ "{\"id2label\":{\"0\":\"a\"},\"label2id\":3}", ERR_INVALID, "label2id" },
};

static void contradictions_and_foreign_models_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct bert_config c;
		struct errinfo ei = { "" };
		enum err e = read_text(refused[i].text, &c, &ei);
		if (e != refused[i].e || !strstr(ei.msg, refused[i].says))
			fail_msg("%s: %s: %s", refused[i].text, err_name(e), ei.msg);
	}
}

static void a_missing_file_is_not_found(void **state)
{
	struct bert_config c;
	struct errinfo ei;

	(void)state;
	assert_int_equal(bert_config_read("/nonexistent", &c, &ei), ERR_NOT_FOUND);
}

static void what_is_written_reads_back_the_same(void **state)
{
	struct bert_config c, again;
	struct errinfo ei;

	(void)state;
	must(read_text("{\"hidden_size\":24,\"num_attention_heads\":3,\"layer_norm_eps\":1e-05,"
		       "\"gradient_checkpointing\":false,"
		       "\"attention_probs_dropout_prob\":0.15,\"custom\":{\"x\":[1,2]},\"_name_or_"
		       "path\":\"/secret/path\"}",
		       &c, &ei),
	     &ei);
	bert_config_set_labels(&c, 3, (const char *const[]){ "ü", "\"quoted\"", "c" });
	must(bert_config_write(&c, dir, &ei), &ei);
	must(bert_config_read(dir, &again, &ei), &ei);
	assert_int_equal(again.hidden_size, 24);
	assert_true(again.layer_norm_eps == 1e-5 && again.attention_probs_dropout_prob == 0.15);
	assert_true(again.classifier_dropout < 0);
	assert_int_equal(again.num_labels, 3);
	assert_string_equal(again.labels[0], "ü");
	assert_string_equal(again.labels[1], "\"quoted\"");
	assert_true(json_equal(c.rest, again.rest));
	bert_config_clear(&c);
	bert_config_clear(&again);
}

static void the_file_is_one_that_transformers_loads(void **state)
{
	struct bert_config c;
	struct errinfo ei;

	(void)state;
	must(read_text("{\"torch_dtype\":\"float16\",\"dtype\":\"float16\",\"architectures\":["
		       "\"BertModel\"],\"custom\":1,"
		       "\"_name_or_path\":\"/secret/path\"}",
		       &c, &ei),
	     &ei);
	must(bert_config_write(&c, dir, &ei), &ei);
	json_t *v = written();
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(v, "architectures"), 0)),
		"BertForSequenceClassification");
	assert_string_equal(json_string_value(json_object_get(v, "dtype")), "float32");
	assert_string_equal(json_string_value(json_object_get(v, "model_type")), "bert");
	assert_string_equal(json_string_value(json_object_get(json_object_get(v, "id2label"), "1")),
			    "LABEL_1");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(v, "label2id"), "LABEL_1")), 1);
	assert_int_equal(json_integer_value(json_object_get(v, "custom")), 1);
	assert_true(json_is_null(json_object_get(v, "classifier_dropout")));
	assert_null(json_object_get(v, "torch_dtype"));
	assert_null(json_object_get(v, "_name_or_path"));
	json_decref(v);
	bert_config_clear(&c);
}

static void probabilities_are_written_as_people_write_them(void **state)
{
	struct bert_config c;
	struct buf text = { 0 };
	struct errinfo ei;

	(void)state;
	must(read_text("{}", &c, &ei), &ei);
	must(bert_config_write(&c, dir, &ei), &ei);
	char *path = mem_printf("%s/config.json", dir);
	must(files_read(path, 1 << 20, &text, &ei), &ei);
	assert_non_null(strstr(text.data, "\"hidden_dropout_prob\": 0.1,"));
	assert_non_null(strstr(text.data, "\"layer_norm_eps\": 1e-12,"));
	free(path);
	buf_clear(&text);
	bert_config_clear(&c);
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_config_XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
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
		TEST(an_empty_object_is_bert_base),
		TEST(members_of_the_file_are_taken),
		TEST(contradictions_and_foreign_models_are_refused_by_name),
		TEST(a_missing_file_is_not_found),
		TEST(what_is_written_reads_back_the_same),
		TEST(the_file_is_one_that_transformers_loads),
		TEST(probabilities_are_written_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
