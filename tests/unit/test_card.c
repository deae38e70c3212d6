/* Model cards: what they say, and that no user's text becomes markup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "jobs/card.h"

static const char *written(void (*write)(const char *s, struct buf *out), const char *s)
{
	static char out[512];
	struct buf b = { 0 };

	write(s, &b);
	snprintf(out, sizeof(out), "%s", b.data);
	buf_clear(&b);
	return out;
}

static void yaml_scalars_hold_any_text(void **state)
{
	static const char *const cases[][2] = {
		{ "bert-base-uncased", "\"bert-base-uncased\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "x\ntags: [a]", "\"x\\u000atags: [a]\"" },
		{ "\x7f\xc2\x85", "\"\\u007f\\u0085\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"" },
		{ "\xef\xbb\xbf\xef\xbf\xbe\xef\xbf\xbf", "\"\\ufeff\\ufffe\\uffff\"" },
		{ "na\xc3\xafve \xf0\x9f\x98\x80", "\"na\xc3\xafve \xf0\x9f\x98\x80\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(written(card_yaml, cases[i][0]), cases[i][1]);
}

static void no_character_of_html_is_markup(void **state)
{
	(void)state;
	assert_string_equal(written(card_html, "<b>&|`"), "&#60;b&#62;&#38;&#124;&#96;");
	assert_string_equal(written(card_html, "a\n# b\t*c*"), "a &#35; b &#42;c&#42;");
	assert_string_equal(written(card_html, "na\xc3\xafve.csv"), "na\xc3\xafve.csv");
}

static json_t *parsed(const char *text)
{
	json_t *v = json_loads(text, 0, NULL);

	assert_non_null(v);
	return v;
}

/* The card of one job; the caller frees. */
static char *card_of(const char *base, const char *name)
{
	json_t *spec =
		parsed("{\"dataset\": {\"train\": {\"file\": \"a|b.csv\", \"sample\": 625, "
		       "\"random_state\": 42}, \"validation\": {\"file\": \"ds_00ff\", "
		       "\"rows\": [0, 312]}, \"test\": null, \"text_column\": \"text\"}, "
		       "\"max_length\": 64, \"args\": {\"learning_rate\": 5e-05, \"seed\": 7, "
		       "\"eval_strategy\": \"epoch\"}}");
	json_t *report = parsed("{\"rows\": {\"train\": 625, \"validation\": 312}, \"files\": "
				"{\"train\": {\"file\": \"a|b.csv\", \"sha256\": \"c0ffee\"}}}");
	json_t *labels = parsed("[\"bad|\", \"good\"]");
	json_t *metrics = parsed("{\"eval_accuracy\": 0.8125, \"eval_loss\": 0.5}");
	struct buf out = { 0 };
	struct card c = { .id = "mdl_1",
			  .job_id = "job_1",
			  .name = name,
			  .spec = spec,
			  .report = report,
			  .labels = labels,
			  .metrics = metrics,
			  .step = 237,
			  .epoch = 3,
			  .bertd = "0.1.0 (abc)",
			  .libtorch = "2.15.0",
			  .device = "cpu" };

	json_object_set_new(spec, "model", json_string(base));
	card_print(&c, &out);
	json_decref(spec);
	json_decref(report);
	json_decref(labels);
	json_decref(metrics);
	return buf_take(&out);
}

static void a_card_states_where_the_model_comes_from(void **state)
{
	static const char *const parts[] = {
		"---\nlibrary_name: transformers\npipeline_tag: text-classification\n"
		"base_model: \"owner/base\"\n",
		"# imdb\n",
		"237 optimizer steps, 3 epochs",
		"| 0 | <code>bad&#124;</code> |\n| 1 | <code>good</code> |\n",
		"| loss | 0.5 | – |\n| accuracy | 0.8125 | – |\n",
		"| train | 625 | <code>a&#124;b.csv</code> | sample 625, random_state 42 | "
		"<code>c0ffee</code> |\n",
		"| validation | 312 | <code>ds&#95;00ff</code> | rows 0 to 312 | <code>00ff</code> "
		"|\n",
		"- text_column: <code>text</code>\n",
		"- max_length: 64 tokens\n",
		"| learning_rate | 5e-05 |\n| seed | 7 |\n| eval_strategy | <code>epoch</code> |\n",
		"- bertd 0.1.0 (abc)\n- libtorch 2.15.0\n- device: cpu\n- job: job_1\n- id: "
		"mdl_1\n",
	};
	char *text = card_of("owner/base", "imdb");

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		assert_non_null(strstr(text, parts[i]));
	assert_null(strstr(text, "\n| test |"));
	free(text);
}

static void an_id_of_this_server_is_no_base_model_of_the_hub(void **state)
{
	char *text = card_of("mdl_01J00000000000000000000000", NULL);

	(void)state;
	assert_null(strstr(text, "base_model:"));
	assert_non_null(strstr(text, "# mdl&#95;1\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_scalars_hold_any_text),
		cmocka_unit_test(no_character_of_html_is_markup),
		cmocka_unit_test(a_card_states_where_the_model_comes_from),
		cmocka_unit_test(an_id_of_this_server_is_no_base_model_of_the_hub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
