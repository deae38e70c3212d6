/* Opening and saving a tokenizer: which file has the say, damaged ones, and the way back. */
#include "tokenizer_fixture.h"

#define MODEL(extra) \
	"\"model\":{" extra "\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\"," \
	"\"max_input_chars_per_word\":100,\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]" \
	"\":3,\"Hello\":4," \
	"\"hello\":5,\"a\":6,\"##b\":7}}"
#define NORMALIZER(lower) \
	"\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_" \
	"chars\":true," \
	"\"strip_accents\":null,\"lowercase\":" lower "}"
#define SPLIT "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}"
#define POST \
	"\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3],\"cls\":[\"[CLS]" \
	"\",2]}"
#define ADDED \
	"\"added_tokens\":[{\"id\":2,\"content\":\"[CLS]\",\"special\":true}," \
	"{\"id\":8,\"content\":\"New\",\"normalized\":true}]"
#define FAST(model_extra, lower) \
	"{" ADDED "," NORMALIZER(lower) "," SPLIT "," POST "," MODEL(model_extra) "}"

static void switches_come_from_the_configuration(void **state)
{
	static const struct {
		const char *config, *text, *want;
	} cases[] = {
		{ "{}", "Hello É", "hello e" },
		{ "{\"do_lower_case\":false}", "Hello é 中a", "Hello é 中 a" },
		{ "{\"do_lower_case\":false,\"strip_accents\":true}", "Hello é", "Hello e" },
		{ "{\"strip_accents\":false}", "HELLO É", "hello é" },
		{ "{\"strip_accents\":null}", "É", "e" },
		{ "{\"tokenize_chinese_chars\":false}", "中文 中", "[UNK] 中" },
		{ "{\"mask_token\":\"hello\"}", "helloworld", "hello world" },
		{ "{\"mask_token\":{\"content\":\"hello\"}}", "HELLOworld", "hello world" },
		{ "{\"added_tokens_decoder\":{\"9\":{\"content\":\"orl\",\"special\":true}}}",
		  "world", "[UNK] orl [UNK]" },
		{ "{\"added_tokens_decoder\":{\"9\":{\"content\":\"Orl\"}}}", "wORLd Orl",
		  "[UNK] Orl [UNK] Orl" },
		{ "{\"added_tokens_decoder\":{\"9\":{\"content\":\"Orl\",\"normalized\":false}}}",
		  "wOrld hello orl", "[UNK] Orl [UNK] hello [UNK]" },
		{ "{\"extra_special_tokens\":[\"X1\",{\"content\":\"X2\",\"special\":true,\"single_"
		  "word\":true}]}",
		  "aX1X2 X2-X2 éX2 X2_", "a X1 [UNK] X2 [UNK] X2 [UNK] [UNK] [UNK]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tokenizer *t =
			OPEN({ "vocab.txt", VOCAB }, { "tokenizer_config.json", cases[i].config });
		assert_tokens(t, cases[i].text, strlen(cases[i].text), cases[i].want);
		tokenizer_free(t);
	}
}

static void tokenizer_json_has_the_vocabulary_and_without_configuration_the_rest(void **state)
{
	static const struct {
		const char *fast, *config, *want; /* of "Hello ab New" */
	} cases[] = {
		{ FAST("", "false"), NULL, "Hello a ##b New" },
		{ FAST("\"type\":\"WordPiece\",", "false"), NULL, "Hello a ##b New" },
		{ FAST("", "true"), NULL, "hello a ##b New" },
		{ FAST("", "false"), "{}", "hello a ##b New" },
		{ FAST("", "true"), "{\"do_lower_case\":false}", "Hello a ##b New" },
		{ FAST("", "true"),
		  "{\"do_lower_case\":false,\"tokenizer_class\":\"BertTokenizerFast\"}",
		  "Hello a ##b New" },
		{ FAST("", "true"),
		  "{\"do_lower_case\":false,\"tokenizer_class\":\"PreTrainedTokenizerFast\"}",
		  "hello a ##b New" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tokenizer *t =
			OPEN({ "vocab.txt", VOCAB }, { "tokenizer.json", cases[i].fast },
			     { cases[i].config ? "tokenizer_config.json" : NULL, cases[i].config });
		assert_tokens(t, "Hello ab New", 12, cases[i].want);
		tokenizer_free(t);
	}
}

static void a_token_is_found_in_text_only_if_it_was_added(void **state)
{
	static const char text[] = "[PAD] [CLS]", want[] = "[UNK] [UNK] [UNK] [CLS]";
	struct tokenizer *t = OPEN({ "tokenizer.json", FAST("", "true") });
	struct errinfo ei;

	(void)state;
	assert_int_equal(tokenizer_pad_id(t), 0);
	assert_tokens(t, text, strlen(text), want);
	assert_int_equal(tokenizer_save(t, dir, &ei), OK);
	tokenizer_free(t);
	t = open_dir(dir);
	assert_tokens(t, text, strlen(text), want);
	tokenizer_free(t);
}

static void lines_of_vocab_txt_are_ids(void **state)
{
	struct tokenizer *t =
		OPEN({ "vocab.txt", "[PAD]\r\n[UNK] \t\n[CLS]\u00A0\n[SEP]\n\na\nb\na\n##b" });

	(void)state;
	assert_int_equal(tokenizer_vocab_size(t), 9);
	assert_string_equal(tokenizer_token(t, 2), "[CLS]");
	assert_string_equal(tokenizer_token(t, 4), "");
	assert_null(tokenizer_token(t, 5)); /* the same as a later one */
	assert_string_equal(tokenizer_token(t, 7), "a");
	assert_string_equal(tokenizer_token(t, 8),
			    "[MASK]"); /* counted from 8 distinct tokens, as the reference */
	assert_null(tokenizer_token(t, 9));
	assert_null(tokenizer_token(t, -1));
	assert_tokens(t, "a b", 3, "a b");
	tokenizer_free(t);
}

static void damaged_folders_are_refused_with_the_reason(void **state)
{
	static const struct {
		struct file files[3];
		enum err e;
		const char *want;
	} cases[] = {
		{ { { NULL, NULL } }, ERR_NOT_FOUND, "neither vocab.txt nor tokenizer.json" },
		{ { { "vocab.txt", "" } },
		  ERR_INVALID,
		  "lacks the token for unknown words, [UNK]" },
		{ { { "vocab.txt", "[UNK]\n\xFF" } },
		  ERR_INVALID,
		  "vocab.txt is not valid UTF-8 at byte 6" },
		{ { { "vocab.txt", VOCAB }, { "tokenizer_config.json", "{" } },
		  ERR_INVALID,
		  "tokenizer_config.json, line 1" },
		{ { { "vocab.txt", VOCAB }, { "tokenizer_config.json", "[]" } },
		  ERR_INVALID,
		  "not a JSON object" },
		{ { { "vocab.txt", VOCAB }, { "tokenizer_config.json", "{\"do_lower_case\":1}" } },
		  ERR_INVALID,
		  "tokenizer_config.json: do_lower_case" },
		{ { { "vocab.txt", VOCAB }, { "tokenizer_config.json", "{\"cls_token\":7}" } },
		  ERR_INVALID,
		  "tokenizer_config.json: cls_token" },
		{ { { "vocab.txt", VOCAB }, { "tokenizer_config.json", "{\"sep_token\":null}" } },
		  ERR_INVALID,
		  "is null" },
		{ { { "vocab.txt", VOCAB },
		    { "tokenizer_config.json", "{\"model_max_length\":\"x\"}" } },
		  ERR_INVALID,
		  "model_max_length" },
		{ { { "vocab.txt", VOCAB },
		    { "tokenizer_config.json", "{\"tokenizer_class\":\"T5Tokenizer\"}" } },
		  ERR_UNSUPPORTED,
		  "T5Tokenizer" },
		{ { { "vocab.txt", VOCAB },
		    { "tokenizer_config.json", "{\"tokenizer_class\":\"TokenizersBackend\"}" } },
		  ERR_NOT_FOUND,
		  "no tokenizer.json" },
		{ { { "tokenizer.json", FAST("\"type\":\"BPE\",", "true") } },
		  ERR_UNSUPPORTED,
		  "is BPE" },
		{ { { "tokenizer.json", "{\"model\":{\"vocab\":{},\"merges\":[]}}" } },
		  ERR_UNSUPPORTED,
		  "is BPE" },
		{ { { "tokenizer.json", "{\"model\":{\"vocab\":[]}}" } },
		  ERR_UNSUPPORTED,
		  "is Unigram" },
		{ { { "tokenizer.json", "{}" } }, ERR_INVALID, "has no model" },
		{ { { "tokenizer.json", "{" SPLIT "," POST "," MODEL("") "}" } },
		  ERR_UNSUPPORTED,
		  "normalizer" },
		{ { { "tokenizer.json", "{" NORMALIZER("true") "," POST "," MODEL("") "}" } },
		  ERR_UNSUPPORTED,
		  "pre_tokenizer" },
		{ { { "tokenizer.json", "{" NORMALIZER("true") "," SPLIT "," MODEL("") "}" } },
		  ERR_UNSUPPORTED,
		  "post_processor" },
		{ { { "tokenizer.json", "{\"model\":{\"unk_token\":\"a\",\"vocab\":{\"a\":1.5}}}" },
		    { "tokenizer_config.json", "{}" } },
		  ERR_INVALID,
		  "is not an integer below" },
		{ { { "tokenizer.json",
		      "{\"model\":{\"unk_token\":\"a\",\"vocab\":{\"a\":1,\"b\":1}}}" },
		    { "tokenizer_config.json", "{}" } },
		  ERR_INVALID,
		  "have the id 1" },
		{ { { "tokenizer.json", "{\"model\":{\"unk_token\":\"a\",\"vocab\":{\"a\":-1}}}" },
		    { "tokenizer_config.json", "{}" } },
		  ERR_INVALID,
		  "is not an integer below" },
	};
	struct tokenizer *t;
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(remove_dir(NULL), 0);
		assert_int_equal(make_dir(NULL), 0);
		write_files(cases[i].files, COUNT(cases[i].files));
		enum err e = tokenizer_open(dir, &t, &ei);
		if (e != cases[i].e || !strstr(ei.msg, cases[i].want))
			fail_msg("case %zu: %s: %s", i, err_name(e), ei.msg);
		assert_null(strstr(ei.msg, dir));
	}
}

static void model_max_length_is_bounded(void **state)
{
	static const struct {
		const char *config;
		int want;
	} cases[] = {
		{ "{}", 512 },
		{ "{\"model_max_length\":null}", 512 },
		{ "{\"model_max_length\":128}", 128 },
		{ "{\"model_max_length\":128.0}", 128 },
		{ "{\"model_max_length\":8192}", 8192 },
		{ "{\"model_max_length\":1000000000000000019884624838656}", 512 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tokenizer *t =
			OPEN({ "vocab.txt", VOCAB }, { "tokenizer_config.json", cases[i].config });
		assert_int_equal(tokenizer_model_max_length(t), cases[i].want);
		tokenizer_free(t);
	}
}

static void padding_uses_the_pad_token(void **state)
{
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB },
				   { "tokenizer_config.json", "{\"pad_token\":\"world\"}" });

	(void)state;
	assert_int_equal(tokenizer_pad_id(t), 6);
	tokenizer_free(t);
	t = OPEN({ "vocab.txt", VOCAB });
	assert_int_equal(tokenizer_pad_id(t), 0);
	tokenizer_free(t);
}

static void what_was_saved_is_the_same_tokenizer(void **state)
{
	static const char *const configs[] = {
		"{}",
		"{\"do_lower_case\":false,\"model_max_length\":77}",
		"{\"strip_accents\":false,\"tokenize_chinese_chars\":false}",
		"{\"pad_token\":null,\"extra_special_tokens\":[\"X1\"],\"added_tokens_decoder\":"
		"{\"5\":{\"content\":\"New\",\"single_word\":true,\"lstrip\":true}}}",
	};
	static const char text[] = "Hello É 中文 X1 New NewX [MASK]";
	struct encoding a = { 0 }, b = { 0 };
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < COUNT(configs); i++) {
		struct tokenizer *t = OPEN({ "vocab.txt", VOCAB "\nhello\n" },
					   { "tokenizer_config.json", configs[i] });
		char *copy = mem_printf("%s/copy", dir);
		assert_int_equal(files_make_dirs(copy, &ei), OK);
		assert_int_equal(tokenizer_save(t, copy, &ei), OK);
		struct tokenizer *u = open_dir(copy);
		assert_int_equal(tokenizer_encode(t, text, strlen(text), "b", 1, 0, &a, &ei), OK);
		assert_int_equal(tokenizer_encode(u, text, strlen(text), "b", 1, 0, &b, &ei), OK);
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.input_ids, b.input_ids, (size_t)a.n * sizeof *a.input_ids);
		assert_int_equal(tokenizer_vocab_size(t), tokenizer_vocab_size(u));
		assert_int_equal(tokenizer_model_max_length(t), tokenizer_model_max_length(u));
		assert_int_equal(tokenizer_pad_id(t), tokenizer_pad_id(u));
		tokenizer_free(t);
		tokenizer_free(u);
		free(copy);
	}
	encoding_clear(&a);
	encoding_clear(&b);
}

static void saving_into_no_folder_fails(void **state)
{
	struct tokenizer *t = OPEN({ "vocab.txt", VOCAB });
	struct errinfo ei;

	(void)state;
	assert_int_not_equal(tokenizer_save(t, "/nonexistent/folder", &ei), OK);
	tokenizer_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switches_come_from_the_configuration),
		cmocka_unit_test(
			tokenizer_json_has_the_vocabulary_and_without_configuration_the_rest),
		cmocka_unit_test(a_token_is_found_in_text_only_if_it_was_added),
		cmocka_unit_test(lines_of_vocab_txt_are_ids),
		cmocka_unit_test(damaged_folders_are_refused_with_the_reason),
		cmocka_unit_test(model_max_length_is_bounded),
		cmocka_unit_test(padding_uses_the_pad_token),
		cmocka_unit_test(what_was_saved_is_the_same_tokenizer),
		cmocka_unit_test(saving_into_no_folder_fails),
	};

	return cmocka_run_group_tests_name("tokenizer files", tests, make_dir, remove_dir);
}
