/* The configuration as it is written: --print-config, --help, config/bertd.conf and the options of
 * the manual page. */
#include "config.h"

#include <string.h>

#include "command.h"

#define WIDTH	   96
#define ROFF_WIDTH 76

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

static void print_live(const char *prefix, const struct field *row, FILE *out)
{
	if (config_is_live(row))
		fprintf(out, "%s(SIGHUP sets it anew)\n", prefix);
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
		print_live("# ", row, out);
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

static void print_dashed(const char *name, FILE *out)
{
	for (; *name; name++)
		fputc(*name == '_' ? '-' : *name, out);
}

static void print_set_default(const char *prefix, const struct field *row,
			      const struct config *defaults, FILE *out)
{
	if (is_unset(row, defaults))
		return;
	fprintf(out, "%s(default ", prefix);
	print_value(row, defaults, out);
	fprintf(out, ")\n");
}

static void print_option(const char *name, const char *value, const char *help, FILE *out)
{
	fprintf(out, "  --");
	print_dashed(name, out);
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
	print_option("print-config=man", "",
		     "Print the options as the manual page has them, then leave.", out);
	print_option("version", "", "Print the versions and the device, then leave.", out);
	print_option("help", "", "Print this, then leave.", out);
	fputc('\n', out);
	for (const struct field *row = config_options; row->name; row++) {
		print_option(row->name, placeholder(row), row->help, out);
		print_range("        ", row, out);
		print_set_default("        ", row, &c, out);
	}
	config_clear(&c);
}

/* One word of roff text: what would start a macro is shielded. */
static void print_roff_word(const char *word, size_t n, bool first, FILE *out)
{
	if (first && strchr(".'", *word))
		fputs("\\&", out);
	for (size_t i = 0; i < n; i++)
		word[i] == '\\' ? fputs("\\e", out) : fputc(word[i], out);
}

/* Lines of roff text; as mdoc asks, a sentence starts a line. */
static void print_roff(const char *text, FILE *out)
{
	size_t width = 0;

	while (*text) {
		size_t n = strcspn(text, " ");
		bool fits = width && width + 1 + n <= ROFF_WIDTH;
		if (width)
			fputc(fits ? ' ' : '\n', out);
		print_roff_word(text, n, !fits, out);
		width = text[n - 1] == '.' ? 0 : (fits ? width + 1 : 0) + n;
		if (!width)
			fputc('\n', out);
		text += n + (text[n] == ' ');
	}
	if (width)
		fputc('\n', out);
}

void config_print_man(FILE *out)
{
	struct config c;

	config_init(&c);
	for (const struct field *row = config_options; row->name; row++) {
		fprintf(out, ".It Fl -");
		print_dashed(row->name, out);
		fprintf(out, " Ar %s\n", placeholder(row));
		print_roff(row->help, out);
		print_range("", row, out);
		print_set_default("", row, &c, out);
		print_live("", row, out);
	}
	config_clear(&c);
}
