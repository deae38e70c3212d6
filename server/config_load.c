/* Where the configuration comes from: file, environment and command line, in this order. See
 * config.h. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "model/bert.h"
#include "version.h"

/* Environment */

static enum err unknown(const char *where, const char *prefix, const char *near, bool upper,
			struct errinfo *ei)
{
	char name[64] = "";

	if (!near)
		return err_set(ei, ERR_INVALID, "%s: unknown option", where);
	for (size_t i = 0; near[i] && i < sizeof(name) - 1; i++)
		name[i] = (char)(upper		  ? toupper((unsigned char)near[i])
				 : near[i] == '_' ? '-'
						  : near[i]);
	return err_set(ei, ERR_INVALID, "%s: unknown option; did you mean %s%s?", where, prefix,
		       name);
}

#define ENV_PREFIX  "BERTD_"
#define FILE_SUFFIX "_file"
#define MAX_VALUE   65536

/* The option of a variable's name, or NULL. *from_file: the value is the path of a file. An option
 * that ends in _file itself goes before. */
static const struct field *variable_row(char *name, bool *from_file)
{
	const struct field *row = fields_find(config_options, name);
	size_t n = strlen(name), suffix = strlen(FILE_SUFFIX);

	*from_file = !row && n > suffix && strcmp(name + n - suffix, FILE_SUFFIX) == 0;
	if (!*from_file)
		return row;
	name[n - suffix] = '\0';
	row = fields_find(config_options, name);
	name[n - suffix] = FILE_SUFFIX[0];
	return row;
}

static enum err set_from_file(struct config *c, const struct field *row, const char *path,
			      const char *where, struct errinfo *ei)
{
	struct buf text = { 0 };
	struct errinfo why;
	enum err e = files_read(path, MAX_VALUE, &text, &why);

	if (e != OK)
		e = err_set(ei, ERR_INVALID, "%s: %s", where, why.msg);
	else if (strlen(text.data) != text.len)
		e = err_set(ei, ERR_INVALID, "%s: %s holds a NUL byte", where, path);
	if (e == OK && text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (e == OK)
		e = config_set(c, row, text.data, where, ei);
	buf_clear(&text);
	return e;
}

static enum err read_variable(struct config *c, const char *entry, bool *seen, struct errinfo *ei)
{
	const char *equals = strchr(entry, '=');
	char where[96], name[64];
	bool from_file;
	size_t n = 0;

	snprintf(where, sizeof(where), "%.*s", (int)(equals - entry), entry);
	for (const char *s = where + strlen(ENV_PREFIX); *s && n < sizeof(name) - 1; s++)
		name[n++] = (char)(isupper((unsigned char)*s)	? tolower((unsigned char)*s)
				   : islower((unsigned char)*s) ? toupper((unsigned char)*s)
								: *s);
	name[n] = '\0';
	if (strcmp(name, "config") == 0)
		return OK;
	const struct field *row = variable_row(name, &from_file);
	if (!row)
		return unknown(where, ENV_PREFIX, fields_nearest(config_options, name), true, ei);
	if (seen[row - config_options])
		return err_set(ei, ERR_INVALID,
			       "%s: is set twice, by itself and by the variable with _FILE", where);
	seen[row - config_options] = true;
	return from_file ? set_from_file(c, row, equals + 1, where, ei)
			 : config_set(c, row, equals + 1, where, ei);
}

static const char *variable(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=' && (*env)[n + 1])
			return *env + n + 1;
	return NULL;
}

/* The variables of huggingface_hub, below those of bertd. */
static enum err read_hub_environment(struct config *c, char *const *env, struct errinfo *ei)
{
	static const struct {
		const char *name, *option;
	} aliases[] = {
		{ "HF_ENDPOINT", "hf_endpoint" },
		{ "HF_TOKEN", "hf_token" },
		{ "HF_HUB_OFFLINE", "offline" },
	};
	enum err e = OK;

	for (size_t i = 0; e == OK && i < sizeof(aliases) / sizeof(*aliases); i++) {
		const char *value = variable(env, aliases[i].name);
		const struct field *row = fields_find(config_options, aliases[i].option);
		if (value && row->kind == F_BOOL && strlen(value) == 1 && strchr("01", *value))
			value = *value == '1' ? "yes" : "no";
		if (value)
			e = config_set(c, row, value, aliases[i].name, ei);
	}
	return e;
}

static enum err read_environment(struct config *c, char *const *env, struct errinfo *ei)
{
	bool seen[64] = { false }; /* by row of the table */
	enum err e = read_hub_environment(c, env, ei);

	for (; e == OK && *env; env++)
		if (strncmp(*env, ENV_PREFIX, strlen(ENV_PREFIX)) == 0 && strchr(*env, '='))
			e = read_variable(c, *env, seen, ei);
	return e;
}

/* Command line */

enum mode {
	MODE_RUN,
	MODE_HELP,
	MODE_VERSION,
	MODE_CHECK,
	MODE_PRINT,
	MODE_PRINT_DEFAULT,
	MODE_PRINT_MAN
};

struct setting {
	const struct field *row;
	const char *value;
};

struct command_line {
	struct setting *settings; /* (n), in their order */
	int n;
	const char *config_file;
	enum mode mode;
};

static bool command_mode(const char *arg, enum mode *out)
{
	static const struct {
		const char *arg;
		enum mode mode;
	} modes[] = {
		{ "--help", MODE_HELP },
		{ "-h", MODE_HELP },
		{ "--version", MODE_VERSION },
		{ "--check-config", MODE_CHECK },
		{ "--print-config", MODE_PRINT },
		{ "--print-config=default", MODE_PRINT_DEFAULT },
		{ "--print-config=man", MODE_PRINT_MAN },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(arg, modes[i].arg) == 0) {
			*out = modes[i].mode;
			return true;
		}
	}
	return false;
}

/* "--max-body-bytes=4M" → name "max_body_bytes"; returns what is behind the '=', or NULL. */
static const char *option_name(const char *arg, char *name, size_t size)
{
	const char *equals = strchr(arg, '=');
	size_t n = equals ? (size_t)(equals - arg) : strlen(arg);

	n = n - 2 < size - 1 ? n - 2 : size - 1;
	memcpy(name, arg + 2, n);
	name[n] = '\0';
	for (char *s = name; *s; s++)
		if (*s == '-')
			*s = '_';
	return equals ? equals + 1 : NULL;
}

/* One option at argv[*i], which may take the next argument as its value. */
static enum err read_option(struct command_line *cl, int argc, char *const *argv, int *i,
			    struct errinfo *ei)
{
	const char *arg = argv[*i];
	char name[64];

	if (command_mode(arg, &cl->mode))
		return OK;
	if (strncmp(arg, "--", 2) != 0 || !arg[2])
		return err_set(ei, ERR_INVALID, "%s: not an option; see --help", arg);
	const char *value = option_name(arg, name, sizeof(name));
	const struct field *row = fields_find(config_options, name);
	bool is_file = strcmp(name, "config") == 0;
	if (!row && !is_file)
		return unknown(arg, "--", fields_nearest(config_options, name), false, ei);
	bool flag = row && row->kind == F_BOOL;
	if (!value && *i + 1 < argc && (!flag || config_bool(argv[*i + 1]) >= 0))
		value = argv[++*i];
	if (!value && flag)
		value = "yes";
	if (!value)
		return err_set(ei, ERR_INVALID, "%s: needs a value", arg);
	if (is_file)
		cl->config_file = value;
	else
		cl->settings[cl->n++] = (struct setting){ row, value };
	return OK;
}

static enum err read_command_line(struct command_line *cl, int argc, char *const *argv,
				  struct errinfo *ei)
{
	enum err e = OK;

	cl->settings = mem_zalloc((size_t)argc + 1, sizeof(*cl->settings));
	for (int i = 1; e == OK && i < argc; i++)
		e = read_option(cl, argc, argv, &i, ei);
	return e;
}

static enum err apply(struct config *c, const struct command_line *cl, struct errinfo *ei)
{
	enum err e = OK;

	for (int i = 0; e == OK && i < cl->n; i++) {
		char where[64];
		int n = snprintf(where, sizeof(where), "--%s", cl->settings[i].row->name);
		for (int k = 2; k < n; k++)
			if (where[k] == '_')
				where[k] = '-';
		e = config_set(c, cl->settings[i].row, cl->settings[i].value, where, ei);
	}
	return e;
}

static void print_version(const struct config *c, FILE *out)
{
	struct bert_device_info info;
	struct errinfo ei;
	enum err e = bert_device_info(c->device, &info, &ei);

	fprintf(out, "bertd %s\n", bertd_build);
	if (e == OK)
		fprintf(out, "libtorch %s\ndevice %s\n", info.libtorch, info.name);
	else
		fprintf(out, "device %s: %s\n", c->device, ei.msg);
}

/* What needs no configuration. Returns whether it was asked for. */
static bool print_table(enum mode mode, FILE *out)
{
	if (mode == MODE_HELP)
		config_print_help(out);
	else if (mode == MODE_PRINT_DEFAULT)
		config_print_default(out);
	else if (mode == MODE_PRINT_MAN)
		config_print_man(out);
	else
		return false;
	return true;
}

/* What the asked mode prints of the finished configuration. */
static void act(enum mode mode, const struct config *c, FILE *out)
{
	if (mode == MODE_VERSION)
		print_version(c, out);
	else if (mode == MODE_PRINT)
		config_print(c, out);
	else if (mode == MODE_CHECK)
		fprintf(out, "the configuration is valid\n");
}

enum err config_load(int argc, char *const *argv, char *const *env, FILE *out, struct config *c,
		     enum config_action *action, struct errinfo *ei)
{
	struct command_line cl = { 0 };
	enum err e = read_command_line(&cl, argc, argv, ei);

	config_init(c);
	*action = cl.mode == MODE_RUN ? CONFIG_RUN : CONFIG_EXIT_OK;
	if (e == OK && print_table(cl.mode, out))
		goto done;
	if (!cl.config_file)
		cl.config_file = variable(env, ENV_PREFIX "CONFIG");
	if (e == OK && cl.config_file)
		e = config_read_file(cl.config_file, c, ei);
	if (e == OK)
		e = read_environment(c, env, ei);
	if (e == OK)
		e = apply(c, &cl, ei);
	/* What only tells who it is may be asked wherever it would not start. */
	if (e == OK && cl.mode != MODE_VERSION)
		e = config_check(c, ei);
	if (e == OK)
		act(cl.mode, c, out);
done:
	free(cl.settings);
	if (e != OK)
		config_clear(c);
	return e;
}
