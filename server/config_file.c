/* The configuration as text: the file that is read, and what --print-config and --help write. The
 * only ini.h. */
#include "config.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "command.h"

#define MAX_FILE (1 << 20)
#define WIDTH	 96

/* Reading */

struct reader {
	struct config *config;
	const char *path;
	const char *at; /* in the text of the file */
	int line;	/* the one that was read last, from 1 */
	bool seen[64];	/* by row of the table */
	enum err e;
	struct errinfo *ei;
};

static enum err fault(struct reader *r, const char *words)
{
	if (r->e == OK)
		r->e = err_set(r->ei, ERR_INVALID, "%s:%d: %s", r->path, r->line, words);
	return r->e;
}

/* Gives inih the next line without the blanks before it, which it would take for a continued value.
 */
static char *next_line(char *out, int size, void *ctx)
{
	struct reader *r = ctx;

	if (!*r->at || r->e != OK)
		return NULL;
	r->line++;
	const char *end = strchrnul(r->at, '\n');
	r->at += strspn(r->at, " \t");
	size_t n = end > r->at ? (size_t)(end - r->at) : 0;
	if (n + 1 > (size_t)size - 1)
		fault(r, "the line is too long");
	else if (n && *r->at == '[')
		fault(r, "sections are not used here");
	if (r->e != OK)
		return NULL;
	memcpy(out, r->at, n);
	memcpy(out + n, "\n", 2);
	r->at = *end ? end + 1 : end;
	return out;
}

static int got(void *ctx, const char *section, const char *name, const char *value)
{
	struct reader *r = ctx;
	char where[256];

	(void)section;
	const struct field *row = fields_find(config_options, name);
	snprintf(where, sizeof(where), "%s:%d: %s", r->path, r->line, name);
	if (r->e == OK && !row) {
		const char *near = fields_nearest(config_options, name);
		r->e = err_set(r->ei, ERR_INVALID, "%s: unknown option%s%s%s", where,
			       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
	if (r->e != OK)
		return 0;
	bool *seen = &r->seen[row - config_options];
	if (*seen)
		r->e = err_set(r->ei, ERR_INVALID, "%s: is set twice", where);
	else
		r->e = config_set(r->config, row, value ? value : "", where, r->ei);
	*seen = true;
	return r->e == OK;
}

enum err config_read_file(const char *path, struct config *c, struct errinfo *ei)
{
	struct reader r = { .config = c, .path = path, .ei = ei };
	struct buf text = { 0 };
	struct errinfo why;
	enum err e = files_read(path, MAX_FILE, &text, &why);

	if (e != OK) {
		buf_clear(&text);
		return err_set(ei, ERR_INVALID, "--config: cannot read %s: %s", path,
			       e == ERR_NOT_FOUND ? "no such file" : why.msg);
	}
	r.at = text.len ? text.data : "";
	int bad_line = ini_parse_stream(next_line, &r, got, &r);
	if (r.e == OK && bad_line) {
		r.line = bad_line;
		fault(&r, "must be \"name = value\"");
	}
	if (r.e == OK && text.len && strlen(text.data) != text.len)
		fault(&r, "holds a NUL byte");
	buf_clear(&text);
	return r.e;
}

/* Writing */

static void print_size(int64_t v, FILE *out)
{
	static const char units[] = "KMGT";
	int u = -1;

	while (v && v % 1024 == 0 && u < 3) {
		v /= 1024;
		u++;
	}
	fprintf(out, "%lld", (long long)v);
	if (u >= 0)
		fputc(units[u], out);
}

static void print_value(const struct field *row, const struct config *c, FILE *out)
{
	const void *at = (const char *)c + row->offset;

	if (config_is_size(row))
		print_size(*(const int64_t *)at, out);
	else if (row->kind == F_INT)
		fprintf(out, "%lld", (long long)*(const int64_t *)at);
	else if (row->kind == F_BOOL)
		fputs(*(const bool *)at ? "yes" : "no", out);
	else if (row->kind == F_ENUM)
		fputs(row->names[*(const int *)at], out);
	else if (*(char *const *)at)
		fputs(*(char *const *)at, out);
}

static bool is_unset(const struct field *row, const struct config *c)
{
	return row->kind == F_STRING && !*(char *const *)((const char *)c + row->offset);
}

/* text in lines of at most WIDTH characters, each behind the prefix. */
static void print_wrapped(const char *prefix, const char *text, FILE *out)
{
	while (*text) {
		size_t room = WIDTH - strlen(prefix), n = strlen(text);
		if (n > room)
			for (n = room; n && text[n] != ' '; n--)
				;
		fprintf(out, "%s%.*s\n", prefix, (int)n, text);
		text += n;
		text += strspn(text, " ");
	}
}

static void print_range(const char *prefix, const struct field *row, FILE *out)
{
	if (row->kind == F_ENUM) {
		fprintf(out, "%s(one of", prefix);
		for (int i = 0; row->names[i]; i++)
			fprintf(out, "%s %s", i ? "," : "", row->names[i]);
		fprintf(out, ")\n");
	} else if (row->kind == F_INT) {
		fprintf(out, "%s(from ", prefix);
		config_is_size(row) ? print_size((int64_t)row->min, out)
				    : fprintf(out, "%.0f", row->min);
		fprintf(out, " to ");
		config_is_size(row) ? print_size((int64_t)row->max, out)
				    : fprintf(out, "%.0f", row->max);
		fprintf(out, ")\n");
	}
}

void config_print_default(FILE *out)
{
	struct config c;

	config_init(&c);
	print_wrapped(
		"# ",
		"bertd.conf: every option with its default, as bertd --print-config=default "
		"writes it. Use it with bertd --config FILE. An option can be set on the command "
		"line too (--max-body-bytes 4M) and in the environment (BERTD_MAX_BODY_BYTES=4M, "
		"or "
		"BERTD_MAX_BODY_BYTES_FILE=PATH for a file that holds the value); "
		"the command line goes before the environment, and that before this file.",
		out);
	print_wrapped(
		"# ",
		"One name = value a line, without sections; comments stand on lines of their own. "
		"Sizes may end in K, M, G or T (of 1024).",
		out);
	for (const struct field *row = config_options; row->name; row++) {
		fputc('\n', out);
		print_wrapped("# ", row->help, out);
		print_range("# ", row, out);
		if (config_is_live(row))
			fprintf(out, "# (SIGHUP sets it anew)\n");
		fprintf(out, "#%s =%s", row->name, is_unset(row, &c) ? "" : " ");
		print_value(row, &c, out);
		fputc('\n', out);
	}
	config_clear(&c);
}

void config_print(const struct config *c, FILE *out)
{
	for (const struct field *row = config_options; row->name; row++) {
		if (row->secret && !is_unset(row, c)) {
			fprintf(out, "# %s is set, and not shown\n", row->name);
			continue;
		}
		fprintf(out, "%s =%s", row->name, is_unset(row, c) ? "" : " ");
		print_value(row, c, out);
		fputc('\n', out);
	}
}

static const char *placeholder(const struct field *row)
{
	if (row->kind == F_BOOL)
		return "yes|no";
	if (row->kind == F_STRING || row->kind == F_ENUM)
		return "TEXT";
	return config_is_size(row) ? "SIZE" : "N";
}

static void print_option(const char *name, const char *value, const char *help, FILE *out)
{
	fprintf(out, "  --");
	for (; *name; name++)
		fputc(*name == '_' ? '-' : *name, out);
	fprintf(out, "%s%s\n", *value ? " " : "", value);
	print_wrapped("        ", help, out);
}

void config_print_help(FILE *out)
{
	struct config c;

	config_init(&c);
	fprintf(out,
		"Usage: bertd [COMMAND ARGUMENT...] [--config FILE] [--OPTION VALUE]...\n\n"
		"Fine-tunes BERT text classifiers and serves them over HTTP. Each option can also "
		"be a line\nof the file (option = value) or a variable (BERTD_OPTION, or "
		"BERTD_OPTION_FILE with the\npath of a file that holds the value).\n\n"
		"Commands; their options stand behind the arguments:\n\n");
	command_print_help(out);
	fprintf(out, "\nOptions:\n\n");
	print_option("config", "FILE", "Read options from FILE first.", out);
	print_option("check-config", "", "Check the options, then leave.", out);
	print_option("print-config", "", "Print the options as they would be used, then leave.",
		     out);
	print_option("print-config=default", "",
		     "Print a commented file of all options, then leave.", out);
	print_option("version", "", "Print the versions and the device, then leave.", out);
	print_option("help", "", "Print this, then leave.", out);
	fputc('\n', out);
	for (const struct field *row = config_options; row->name; row++) {
		print_option(row->name, placeholder(row), row->help, out);
		print_range("        ", row, out);
		if (is_unset(row, &c))
			continue;
		fprintf(out, "        (default ");
		print_value(row, &c, out);
		fprintf(out, ")\n");
	}
	config_clear(&c);
}
