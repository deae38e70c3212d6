/* Model cards: see card.h. */
#include "jobs/card.h"

#include "base/json.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- text of others --- */

/* The length of a character at s that YAML does not take as it is, though UTF-8 does; its code
 * point in *code. 0: it may stand. YAML 1.2, 5.1: printable characters. */
static size_t not_printable(const unsigned char *s, unsigned *code)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return *code = s[0], 1;
	if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
		return *code = s[1], 2;
	if (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
		return *code = 0x2000u + (s[2] & 0x3f), 3;
	if (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf)
		return *code = 0xfeff, 3;
	if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe)
		return *code = 0xffc0u + (s[2] & 0x3f), 3;
	return 0;
}

void card_yaml(const char *s, struct buf *out)
{
	unsigned code;

	buf_putc(out, '"');
	while (*s) {
		size_t n = not_printable((const unsigned char *)s, &code);
		if (n)
			buf_printf(out, "\\u%04x", code);
		else if (*s == '"' || *s == '\\')
			buf_printf(out, "\\%c", *s);
		else
			buf_putc(out, *s);
		s += n ? n : 1;
	}
	buf_putc(out, '"');
}

void card_html(const char *s, struct buf *out)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < 0x20 || c == 0x7f)
			buf_putc(out, ' ');
		else if (strchr("&<>\"'|`*_[]\\~$#!", c))
			buf_printf(out, "&#%d;", c);
		else
			buf_putc(out, *s);
	}
}

static void code(const char *s, struct buf *out)
{
	buf_puts(out, "<code>");
	card_html(s ? s : "", out);
	buf_puts(out, "</code>");
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* --- parts --- */

/* A name of this server alone says nothing to the Hub. */
static bool is_local_id(const char *model)
{
	return strncmp(model, "mdl_", 4) == 0 || strncmp(model, "job_", 4) == 0;
}

static void front_matter(const struct card *c, struct buf *out)
{
	const char *base = text_of(c->spec, "model");

	buf_puts(out, "---\nlibrary_name: transformers\npipeline_tag: text-classification\n");
	if (base && !is_local_id(base)) {
		buf_puts(out, "base_model: ");
		card_yaml(base, out);
		buf_putc(out, '\n');
	}
	buf_puts(out, "tags:\n- text-classification\n- bert\n- bertd\n");
	buf_puts(out, "metrics:\n- accuracy\n- f1\n- precision\n- recall\n---\n\n");
}

static void heading(const struct card *c, struct buf *out)
{
	buf_puts(out, "# ");
	card_html(c->name ? c->name : c->id, out);
	buf_puts(out, "\n\nA BERT text classifier, fine-tuned from ");
	code(text_of(c->spec, "model"), out);
	buf_printf(out, " with bertd: %" PRId64 " optimizer steps, %.4g epochs.\n\n", c->step,
		   c->epoch);
}

static void usage(struct buf *out)
{
	buf_puts(out,
		 "## Use\n\n"
		 "```python\n"
		 "from transformers import pipeline\n\n"
		 "classify = pipeline(\"text-classification\", model=\"PATH/OF/THIS/FOLDER\")\n"
		 "print(classify(\"a text\"))\n"
		 "```\n\n");
}

static void labels(const struct card *c, struct buf *out)
{
	const json_t *label;
	size_t i;

	buf_puts(out, "## Labels\n\n| index | label |\n|---|---|\n");
	json_array_foreach((json_t *)c->labels, i, label) {
		buf_printf(out, "| %zu | ", i);
		code(json_string_value(label), out);
		buf_puts(out, " |\n");
	}
	buf_putc(out, '\n');
}

static void value(const json_t *v, struct buf *out)
{
	if (v)
		json_print(v, out);
	else
		buf_puts(out, "–");
}

static void results(const struct card *c, struct buf *out)
{
	static const char *const rows[] = { "loss", "accuracy", "f1", "precision", "recall" };

	if (!c->metrics && !c->test)
		return;
	buf_puts(out, "## Results\n\nF1, precision and recall are macro averages.\n\n"
		      "| metric | validation | test |\n|---|---|---|\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char key[32];
		snprintf(key, sizeof(key), "eval_%s", rows[i]);
		buf_printf(out, "| %s | ", rows[i]);
		value(json_object_get(c->metrics, key), out);
		buf_puts(out, " | ");
		value(json_object_get(c->test, key), out);
		buf_puts(out, " |\n");
	}
	buf_putc(out, '\n');
}

/* Which rows of its file a split takes, in words. */
static void selection(const json_t *split, struct buf *out)
{
	const json_t *sample = json_object_get(split, "sample");
	const json_t *rows = json_object_get(split, "rows");

	if (sample) {
		buf_puts(out, "sample ");
		value(sample, out);
		buf_puts(out, ", random_state ");
		value(json_object_get(split, "random_state"), out);
	}
	if (rows) {
		buf_puts(out, sample ? ", of these rows " : "rows ");
		value(json_array_get(rows, 0), out);
		buf_puts(out, " to ");
		value(json_array_get(rows, 1), out);
	}
	if (!sample && !rows)
		buf_puts(out, "all");
}

/* The digest from the report; an uploaded file's name is its digest. */
static void digest(const char *file, const json_t *known, struct buf *out)
{
	const char *sha256 = text_of(known, "sha256");

	if (!sha256 && strncmp(file, "ds_", 3) == 0)
		sha256 = file + 3;
	code(sha256, out);
}

static void split_row(const struct card *c, const char *split, struct buf *out)
{
	const json_t *spec = json_object_get(json_object_get(c->spec, "dataset"), split);
	const json_t *known = json_object_get(json_object_get(c->report, "files"), split);
	const json_t *rows = json_object_get(json_object_get(c->report, "rows"), split);
	const char *file = text_of(spec, "file");

	if (!file && !rows)
		return;
	buf_printf(out, "| %s | ", split);
	value(rows, out);
	buf_puts(out, " | ");
	if (file) {
		code(file, out);
		buf_puts(out, " | ");
		selection(spec, out);
		buf_puts(out, " | ");
		digest(file, known, out);
	} else {
		buf_puts(out, "that of train | the share validation_split of its rows | ");
	}
	buf_puts(out, " |\n");
}

static void data(const struct card *c, struct buf *out)
{
	static const char *const columns[] = { "text_column", "text_pair_column", "label_column",
					       "validation_split" };
	const json_t *dataset = json_object_get(c->spec, "dataset");

	buf_puts(out, "## Data\n\n| split | rows | file | taken | SHA-256 of the file |\n"
		      "|---|---|---|---|---|\n");
	for (int i = 0; i < N_SPLITS; i++)
		split_row(c, split_names[i], out);
	buf_putc(out, '\n');
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		const json_t *v = json_object_get(dataset, columns[i]);
		if (!v || json_is_null(v))
			continue;
		buf_printf(out, "- %s: ", columns[i]);
		if (json_is_string(v))
			code(json_string_value(v), out);
		else
			json_print(v, out);
		buf_putc(out, '\n');
	}
	buf_puts(out, "- max_length: ");
	value(json_object_get(c->spec, "max_length"), out);
	buf_puts(out, " tokens\n\n");
}

static void arguments(const struct card *c, struct buf *out)
{
	const json_t *args = json_object_get(c->spec, "args"), *v;
	const char *name;

	buf_puts(out, "## Training arguments\n\nNamed as in `transformers.TrainingArguments`.\n\n"
		      "| argument | value |\n|---|---|\n");
	json_object_foreach((json_t *)args, name, v) {
		buf_printf(out, "| %s | ", name);
		if (json_is_string(v))
			code(json_string_value(v), out);
		else
			json_print(v, out);
		buf_puts(out, " |\n");
	}
	buf_putc(out, '\n');
}

static void provenance(const struct card *c, struct buf *out)
{
	buf_printf(out,
		   "## Made by\n\n- bertd %s\n- libtorch %s\n- device: %s\n- job: %s\n- id: %s\n",
		   c->bertd, c->libtorch, c->device, c->job_id, c->id);
}

void card_print(const struct card *c, struct buf *out)
{
	front_matter(c, out);
	heading(c, out);
	usage(out);
	labels(c, out);
	results(c, out);
	data(c, out);
	arguments(c, out);
	provenance(c, out);
}
