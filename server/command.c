/* The operator's commands: see command.h. */
#include "command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config.h"
#include "jobs/backup.h"
#include "jobs/check.h"
#include "keys.h"

/* The arguments are those between the command's words and the first option. ERR_CANCELLED: the
 * lines are out already. */
typedef enum err command_fn(const char *const *args, const struct config *c, struct errinfo *ei);

struct command {
	const char *name;
	const char *verb; /* the word behind it, or NULL */
	const char *args; /* for people */
	int n_args;
	command_fn *run;
	const char *help;
};

static void print_line(void *ctx, const char *line)
{
	fprintf(ctx, "%s\n", line);
}

static enum err run_backup(const char *const *args, const struct config *c, struct errinfo *ei)
{
	return backup_run(c->data_dir, args[0], print_line, stdout, ei);
}

static enum err run_check(const char *const *args, const struct config *c, struct errinfo *ei)
{
	struct check_counts n;
	enum err e = check_run(args[0], &n, print_line, stdout, ei);

	(void)c;
	if (e != OK)
		return e;
	printf("%d faults: %d jobs, %d datasets, %d models, %d checkpoints\n", n.faults, n.jobs,
	       n.datasets, n.models, n.checkpoints);
	return n.faults ? ERR_CANCELLED : OK;
}

static enum err keys_file(const struct config *c, struct errinfo *ei)
{
	return c->api_keys_file ? OK
				: err_set(ei, ERR_INVALID,
					  "api_keys_file: is not set; give --api-keys-file FILE");
}

static enum err run_keys_add(const char *const *args, const struct config *c, struct errinfo *ei)
{
	char key[KEYS_NEW_SIZE];
	enum err e = keys_file(c, ei);

	if (e == OK)
		e = keys_add(c->api_keys_file, args[0], key, ei);
	if (e == OK)
		printf("%s\n", key);
	explicit_bzero(key, sizeof(key));
	return e;
}

static enum err run_keys_list(const char *const *args, const struct config *c, struct errinfo *ei)
{
	struct keys *keys = NULL;
	struct errinfo why;
	enum err e = keys_file(c, ei);

	(void)args;
	if (e != OK)
		return e;
	e = keys_load(c->api_keys_file, &keys, &why);
	if (e != OK)
		return err_set(ei, e, "api_keys_file: %s: %s", c->api_keys_file, why.msg);
	for (int i = 0; i < keys_count(keys); i++)
		printf("%s\n", keys_name(keys, i));
	keys_free(keys);
	return OK;
}

static enum err run_keys_revoke(const char *const *args, const struct config *c, struct errinfo *ei)
{
	enum err e = keys_file(c, ei);

	return e == OK ? keys_revoke(c->api_keys_file, args[0], ei) : e;
}

static const struct command commands[] = {
	{ "backup", NULL, " DIR", 1, run_backup,
	  "Copy data_dir, which a daemon may be using, to DIR." },
	{ "check", NULL, " DIR", 1, run_check,
	  "Check every row, file and sha256 of the data directory DIR; one line a fault." },
	{ "keys", "add", " NAME", 1, run_keys_add,
	  "Make a key, print it, and add its hash to api_keys_file." },
	{ "keys", "list", "", 0, run_keys_list, "Print the names in api_keys_file." },
	{ "keys", "revoke", " NAME", 1, run_keys_revoke, "Remove a name from api_keys_file." },
	{ .name = NULL },
};

void command_print_help(FILE *out)
{
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %s%s%s%s\n        %s\n", c->name, c->verb ? " " : "",
			c->verb ? c->verb : "", c->args, c->help);
}

/* *used: the words that name it. */
static const struct command *find(int argc, char *const *argv, int *used)
{
	for (const struct command *c = commands; c->name; c++) {
		*used = 2 + (c->verb != NULL);
		if (argc >= *used && strcmp(argv[1], c->name) == 0 &&
		    (!c->verb || strcmp(argv[2], c->verb) == 0))
			return c;
	}
	return NULL;
}

static int count_args(int argc, char *const *argv, int from)
{
	int n = 0;

	while (from + n < argc && argv[from + n][0] != '-')
		n++;
	return n;
}

static enum err load(int argc, char *const *argv, char *const *env, int from, struct config *c,
		     enum config_action *action, struct errinfo *ei)
{
	char **rest = mem_zalloc((size_t)(argc - from) + 2, sizeof(*rest));

	rest[0] = argv[0];
	for (int i = from; i < argc; i++)
		rest[1 + i - from] = argv[i];
	enum err e = config_load(1 + argc - from, rest, env, stdout, c, action, ei);
	free(rest);
	return e;
}

static enum err run(int argc, char *const *argv, char *const *env, struct errinfo *ei)
{
	enum config_action action;
	struct config config;
	int used;
	const struct command *c = find(argc, argv, &used);

	if (!c)
		return err_set(ei, ERR_INVALID, "%s: unknown command; see bertd --help", argv[1]);
	int n = count_args(argc, argv, used);
	enum err e = load(argc, argv, env, used + n, &config, &action, ei);
	if (e != OK)
		return e;
	if (action == CONFIG_RUN && n != c->n_args)
		e = err_set(ei, ERR_INVALID, "must be: bertd %s%s%s%s [OPTION...]", c->name,
			    c->verb ? " " : "", c->verb ? c->verb : "", c->args);
	else if (action == CONFIG_RUN)
		e = c->run((const char *const *)argv + used, &config, ei);
	config_clear(&config);
	return e;
}

int command_run(int argc, char *const *argv, char *const *env)
{
	struct errinfo ei;
	enum err e;

	umask(027);
	e = run(argc, argv, env, &ei);
	if (e != OK && e != ERR_CANCELLED)
		fprintf(stderr, "bertd: %s\n", ei.msg);
	if (fflush(stdout) != 0 && e == OK) {
		fprintf(stderr, "bertd: cannot write the output\n");
		return 1;
	}
	return e == OK ? 0 : 1;
}
