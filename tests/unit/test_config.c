/* The configuration: every option through file, environment and command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/mem.h"
#include "config.h"

static struct config c;
static struct errinfo ei;
static char *printed;

static enum err load(const char *arg1, const char *arg2, const char *variable)
{
	char *argv[] = { "bertd", (char *)arg1, (char *)arg2, NULL };
	char *env[] = { "PATH=/bin", (char *)variable, NULL };
	enum config_action action;
	size_t n;
	int argc = 1 + (arg1 != NULL) + (arg2 != NULL);

	free(printed);
	printed = NULL;
	FILE *out = open_memstream(&printed, &n);
	ei.msg[0] = '\0';
	enum err e = config_load(argc, argv, env, out, &c, &action, &ei);
	fclose(out);
	return e;
}

/* Loads a file of that text, with one more argument. */
static enum err load_file(const char *text, const char *arg, const char *variable)
{
	char path[] = "/tmp/bertd-config-XXXXXX", option[64];
	int fd = mkstemp(path);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(option, sizeof(option), "--config=%s", path);
	enum err e = load(option, arg, variable);
	unlink(path);
	return e;
}

/* What --print-config prints for the option now loaded, as "value"; of a secret it prints nothing.
 */
static bool holds(const char *name, const char *value)
{
	const struct field *row = fields_find(config_options, name);
	struct buf line = { 0 };
	char *text;
	size_t n;

	FILE *out = open_memstream(&text, &n);
	fputc('\n', out);
	config_print(&c, out);
	fclose(out);
	buf_printf(&line, "\n%s = %s\n", name, value);
	bool found = strstr(text, line.data) != NULL;
	if (row->secret) {
		assert_null(strstr(text, value));
		found = strcmp(*(char **)((char *)&c + row->offset), value) == 0;
	}
	buf_clear(&line);
	free(text);
	return found;
}

/* A value of each option that is not its default. */
static const struct {
	const char *name, *value;
} samples[] = {
	{ "listen", "[::1]:9000" },
	{ "port_file", "/run/port" },
	{ "data_dir", "/d" },
	{ "data_root", "/r" },
	{ "model_dir", "/m" },
	{ "device", "cuda:1" },
	{ "threads", "3" },
	{ "api_keys_file", "/k" },
	{ "default_model", "imdb" },
	{ "log_level", "debug" },
	{ "log_format", "json" },
	{ "http_threads", "2" },
	{ "max_connections", "300" },
	{ "idle_timeout", "7" },
	{ "max_body_bytes", "3M" },
	{ "max_upload_bytes", "1T" },
	{ "max_queued_jobs", "5" },
	{ "max_classify_texts", "9" },
	{ "max_text_bytes", "17" },
	{ "max_streams", "11" },
	{ "max_model_bytes", "5G" },
	{ "max_batch_tokens", "100" },
	{ "max_queue_texts", "12" },
	{ "min_free_bytes", "0" },
	{ "hf_endpoint", "https://mirror.example" },
	{ "hf_token", "hf_secret" },
	{ "offline", "yes" },
	{ "data_hosts", "data.example" },
	{ "http_hosts", "127.0.0.1:8900" },
	{ "private_networks", "127.0.0.0/8" },
	{ "proxy", "http://u:p@proxy.example:3128" },
	{ "max_download_bytes", "1M" },
	{ "max_hub_bytes", "3G" },
	{ "max_datasets_bytes", "7G" },
	{ "max_tokens_bytes", "9M" },
	{ "keep_jobs", "3" },
	{ "keep_bytes", "11G" },
	{ "serve_bf16", "yes" },
};
#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void every_option_has_a_sample(void **state)
{
	(void)state;

	for (size_t i = 0; i < N_SAMPLES; i++)
		assert_string_equal(config_options[i].name, samples[i].name);
	assert_null(config_options[N_SAMPLES].name);
}

static void every_option_is_read_from_the_command_line(void **state)
{
	char dashes[64], joined[128];
	(void)state;

	for (size_t i = 0; i < N_SAMPLES; i++) {
		snprintf(dashes, sizeof(dashes), "--%s", samples[i].name);
		for (char *s = dashes; *s; s++)
			*s = *s == '_' ? '-' : *s;
		assert_int_equal(load(dashes, samples[i].value, NULL), OK);
		assert_true(holds(samples[i].name, samples[i].value));
		config_clear(&c);
		snprintf(joined, sizeof(joined), "--%s=%s", samples[i].name, samples[i].value);
		assert_int_equal(load(joined, NULL, NULL), OK);
		assert_true(holds(samples[i].name, samples[i].value));
		config_clear(&c);
	}
}

static void every_option_is_read_from_the_environment(void **state)
{
	char variable[128];
	(void)state;

	for (size_t i = 0; i < N_SAMPLES; i++) {
		int n = snprintf(variable, sizeof(variable), "BERTD_%s", samples[i].name);
		for (char *s = variable; *s; s++)
			*s = (char)toupper((unsigned char)*s);
		snprintf(variable + n, sizeof(variable) - (size_t)n, "=%s", samples[i].value);
		assert_int_equal(load(NULL, NULL, variable), OK);
		assert_true(holds(samples[i].name, samples[i].value));
		config_clear(&c);
	}
}

static void the_variables_of_the_hub_go_below_those_of_bertd(void **state)
{
	(void)state;

	assert_int_equal(load(NULL, NULL, "HF_ENDPOINT=https://mirror.example"), OK);
	assert_string_equal(c.hf_endpoint, "https://mirror.example");
	config_clear(&c);
	assert_int_equal(load("--hf-token=mine", NULL, "HF_TOKEN=theirs"), OK);
	assert_string_equal(c.hf_token, "mine");
	config_clear(&c);
	assert_int_equal(load(NULL, NULL, "HF_HUB_OFFLINE=1"), OK);
	assert_true(c.offline);
	config_clear(&c);
	assert_int_equal(load(NULL, NULL, "HF_HUB_OFFLINE=maybe"), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "HF_HUB_OFFLINE"));
}

static void every_option_is_read_from_the_file(void **state)
{
	struct buf text = { 0 };
	(void)state;

	buf_puts(&text, "# comment\n\n; comment\r\n");
	for (size_t i = 0; i < N_SAMPLES; i++)
		buf_printf(&text, "%s%s = %s  \r\n", i % 2 ? "  " : "", samples[i].name,
			   samples[i].value);
	assert_int_equal(load_file(text.data, NULL, NULL), OK);
	for (size_t i = 0; i < N_SAMPLES; i++)
		assert_true(holds(samples[i].name, samples[i].value));
	config_clear(&c);
	buf_clear(&text);
}

static void command_line_goes_before_environment_before_file(void **state)
{
	(void)state;

	assert_int_equal(load_file("threads = 1\n", "--threads=3", "BERTD_THREADS=2"), OK);
	assert_int_equal(c.threads, 3);
	config_clear(&c);
	assert_int_equal(load_file("threads = 1\n", NULL, "BERTD_THREADS=2"), OK);
	assert_int_equal(c.threads, 2);
	config_clear(&c);
	assert_int_equal(load_file("threads = 1\n", NULL, NULL), OK);
	assert_int_equal(c.threads, 1);
	config_clear(&c);
	assert_int_equal(load("--threads=4", "--threads=5", NULL), OK);
	assert_int_equal(c.threads, 5);
	config_clear(&c);
}

static void config_file_can_be_named_by_the_environment(void **state)
{
	(void)state;

	assert_int_equal(load(NULL, NULL, "BERTD_CONFIG=/nonexistent/bertd.conf"), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "cannot read /nonexistent/bertd.conf: no such file"));
}

static void bad_values_are_refused_by_name(void **state)
{
	static const struct {
		const char *arg, *words;
	} cases[] = {
		{ "--threads=x", "--threads: must be a whole number from 0 to 1024, not \"x\"" },
		{ "--threads=-1", "--threads: must be a whole number" },
		{ "--threads=", "--threads: must be a whole number" },
		{ "--threads=1.5", "--threads: must be a whole number" },
		{ "--threads=0x10", "--threads: must be a whole number" },
		{ "--threads= 1", "--threads: must be a whole number" },
		{ "--threads=1025", "--threads: must be a whole number" },
		{ "--threads=4K", "--threads: must be a whole number" },
		{ "--threads=99999999999999999999", "--threads: must be a whole number" },
		{ "--max-body-bytes=12Q", "--max-body-bytes: must be a size from 1024 to 1024G" },
		{ "--max-body-bytes=12MB", "--max-body-bytes: must be a size" },
		{ "--max-body-bytes=1", "--max-body-bytes: must be a size" },
		{ "--max-body-bytes=9999999999T", "--max-body-bytes: must be a size" },
		{ "--log-level=loud", "--log-level: must be one of debug, info, warn, error" },
		{ "--serve-bf16=maybe", "--serve-bf16: must be yes or no" },
		{ "--data-dir=", "--data-dir: must not be empty" },
		{ "--device=gpu", "device: must be cpu, cuda or cuda:N, not \"gpu\"" },
		{ "--device=cuda:", "device: must be" },
		{ "--device=cuda:64", "device: must be" },
		{ "--listen=8080", "listen: must be ADDRESS:PORT" },
		{ "--listen=:8080", "listen: must be ADDRESS:PORT" },
		{ "--listen=127.0.0.1", "listen: must be ADDRESS:PORT" },
		{ "--listen=127.0.0.1:", "listen: must be ADDRESS:PORT" },
		{ "--listen=127.0.0.1:65536", "listen: must be ADDRESS:PORT" },
		{ "--listen=::1:80", "listen: must be ADDRESS:PORT" },
		{ "--listen=[::1:80", "listen: must be ADDRESS:PORT" },
		{ "--listen=example.com:80", "listen: must be ADDRESS:PORT" },
		{ "--threads", "--threads: needs a value" },
		{ "--thread=1", "unknown option; did you mean --threads?" },
		{ "--max-body-byte", "unknown option; did you mean --max-body-bytes?" },
		{ "--zzzzzzzzzzzz", "--zzzzzzzzzzzz: unknown option" },
		{ "threads=1", "threads=1: not an option" },
		{ "--", "--: not an option" },
		{ "-x", "-x: not an option" },
		{ "", ": not an option" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load(cases[i].arg, NULL, NULL), ERR_INVALID);
		assert_non_null(strstr(ei.msg, cases[i].words));
	}
}

static void bad_variables_are_refused_by_name(void **state)
{
	(void)state;

	assert_int_equal(load(NULL, NULL, "BERTD_THREAD=1"), ERR_INVALID);
	assert_string_equal(ei.msg, "BERTD_THREAD: unknown option; did you mean BERTD_THREADS?");
	assert_int_equal(load(NULL, NULL, "BERTD_threads=1"), ERR_INVALID);
	assert_int_equal(load(NULL, NULL, "BERTD_=1"), ERR_INVALID);
	assert_int_equal(load(NULL, NULL, "BERTD_THREADS=x"), ERR_INVALID);
	assert_string_equal(ei.msg,
			    "BERTD_THREADS: must be a whole number from 0 to 1024, not \"x\"");
}

/* Loads with BERTD_<variable> naming a file of the n bytes, beside one more variable. */
static enum err load_value_file(const char *variable, const char *content, size_t n,
				const char *other)
{
	char path[] = "/tmp/bertd-value-XXXXXX", text[128];
	char *env[] = { text, (char *)other, NULL };
	char *argv[] = { "bertd", NULL };
	enum config_action action;
	int fd = mkstemp(path);

	assert_int_equal(write(fd, content, n), (ssize_t)n);
	close(fd);
	snprintf(text, sizeof(text), "BERTD_%s=%s", variable, path);
	enum err e = config_load(1, argv, env, stdout, &c, &action, &ei);
	unlink(path);
	return e;
}

static void a_value_is_read_from_the_file_that_a_variable_names(void **state)
{
	(void)state;

	assert_int_equal(load_value_file("DEFAULT_MODEL_FILE", "im db\n\n", 7, NULL), OK);
	assert_string_equal(c.default_model, "im db\n");
	config_clear(&c);
	assert_int_equal(load_value_file("MAX_STREAMS_FILE", "17", 2, "BERTD_THREADS=2"), OK);
	assert_true(c.max_streams == 17 && c.threads == 2);
	config_clear(&c);
	assert_int_equal(load_value_file("API_KEYS_FILE_FILE", "/k\n", 3, NULL), OK);
	assert_string_equal(c.api_keys_file, "/k");
	config_clear(&c);
}

static void an_option_whose_name_ends_in_file_is_not_read_from_one(void **state)
{
	(void)state;

	assert_int_equal(load(NULL, NULL, "BERTD_PORT_FILE=/nonexistent/port"), OK);
	assert_string_equal(c.port_file, "/nonexistent/port");
	config_clear(&c);
}

static void bad_value_files_are_refused_by_name(void **state)
{
	(void)state;

	assert_int_equal(load_value_file("THREADS_FILE", "x\n", 2, NULL), ERR_INVALID);
	assert_string_equal(ei.msg,
			    "BERTD_THREADS_FILE: must be a whole number from 0 to 1024, not \"x\"");
	assert_int_equal(load_value_file("DEFAULT_MODEL_FILE", "a\0b", 3, NULL), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "holds a NUL byte"));
	assert_int_equal(load(NULL, NULL, "BERTD_THREADS_FILE=/nonexistent/n"), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "BERTD_THREADS_FILE: cannot open /nonexistent/n"));
	assert_int_equal(load(NULL, NULL, "BERTD_CONFIG_FILE=/x"), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "BERTD_CONFIG_FILE: unknown option"));
	assert_int_equal(load_value_file("THREADS_FILE", "1", 1, "BERTD_THREADS=1"), ERR_INVALID);
	assert_string_equal(
		ei.msg, "BERTD_THREADS: is set twice, by itself and by the variable with _FILE");
}

static void values_are_compared_and_taken_by_kind(void **state)
{
	struct config from;
	(void)state;

	config_init(&from);
	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct field *row = &config_options[i];
		config_init(&c);
		assert_true(config_equal(&c, &from, row));
		assert_int_equal(config_set(&from, row, samples[i].value, "here", &ei), OK);
		assert_false(config_equal(&c, &from, row));
		config_take(&c, &from, row);
		assert_true(config_equal(&c, &from, row));
		assert_true(holds(row->name, samples[i].value));
		config_clear(&c);
	}
	config_clear(&from);
}

static void bad_files_are_refused_by_line(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "\nthreads = x\n", ":2: threads: must be a whole number" },
		{ "threads 4\n", ":1: must be \"name = value\"" },
		{ "\n\n[server]\nthreads = 1\n", ":3: sections are not used" },
		{ "thread = 1\n", ":1: thread: unknown option; did you mean threads?" },
		{ "config = x\n", ":1: config: unknown option" },
		{ "threads = 1\nthreads = 2\n", ":2: threads: is set twice" },
		{ "threads = 1\n  2\n", ":2: must be \"name = value\"" },
		{ "data_dir =\n", ":1: data_dir: must not be empty" },
	};
	char text[400];
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load_file(cases[i].text, NULL, NULL), ERR_INVALID);
		assert_non_null(strstr(ei.msg, cases[i].words));
	}
	snprintf(text, sizeof(text), "data_dir = /%0300d\n", 0);
	assert_int_equal(load_file(text, NULL, NULL), ERR_INVALID);
	assert_non_null(strstr(ei.msg, ":1: the line is too long"));
}

static void empty_value_unsets_what_may_be_unset(void **state)
{
	(void)state;

	assert_int_equal(load_file("port_file = /x\n", "--port-file=", NULL), OK);
	assert_null(c.port_file);
	config_clear(&c);
}

static void sizes_and_flags_have_their_forms(void **state)
{
	(void)state;

	assert_int_equal(load("--max-upload-bytes=3g", NULL, NULL), OK);
	assert_int_equal(c.max_upload_bytes, 3LL << 30);
	config_clear(&c);
	assert_int_equal(load("--max-body-bytes", "1536", NULL), OK);
	assert_int_equal(c.max_body_bytes, 1536);
	config_clear(&c);
	assert_int_equal(load("--serve-bf16", "--threads=1", NULL), OK);
	assert_true(c.serve_bf16 && c.threads == 1);
	config_clear(&c);
	assert_int_equal(load("--serve-bf16", "Off", "BERTD_SERVE_BF16=TRUE"), OK);
	assert_false(c.serve_bf16);
	config_clear(&c);
}

static void unsafe_combinations_are_refused(void **state)
{
	static const struct {
		const char *a, *b, *words; /* NULL words: allowed */
	} cases[] = {
		{ "--listen=0.0.0.0:80", NULL, "api_keys_file is not set" },
		{ "--listen=[::]:80", NULL, "api_keys_file is not set" },
		{ "--listen=192.168.1.2:80", NULL, "api_keys_file is not set" },
		{ "--listen=0.0.0.0:80", "--api-keys-file=k", NULL },
		{ "--listen=127.1.2.3:80", NULL, NULL },
		{ "--listen=localhost:80", NULL, NULL },
		{ "--max-connections=2", "--max-streams=1", "max_connections: must be at least" },
		{ "--max-connections=64", "--max-streams=64", "max_streams: must be below" },
		{ "--hf-endpoint=ftp://x.example", NULL, "hf_endpoint: " },
		{ "--hf-endpoint=https://x.example/", NULL, "hf_endpoint: must not end" },
		{ "--hf-endpoint=http://x.example", NULL, "hf_endpoint: " },
		{ "--hf-endpoint=http://x.example", "--http-hosts=x.example", NULL },
		{ "--private-networks=10.0.0.0/99", NULL, "private_networks: " },
		{ "--data-hosts=a b", NULL, "data_hosts: " },
		{ "--http-hosts=http://x", NULL, "http_hosts: " },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum err e = load(cases[i].a, cases[i].b, NULL);
		assert_int_equal(e, cases[i].words ? ERR_INVALID : OK);
		if (cases[i].words)
			assert_non_null(strstr(ei.msg, cases[i].words));
		config_clear(&c);
	}
}

static void manual_has_every_option_and_no_stray_macro(void **state)
{
	char item[96];
	int macros = 0, options = 0;
	(void)state;

	assert_int_equal(load("--print-config=man", NULL, NULL), OK);
	for (const struct field *row = config_options; row->name; row++, options++) {
		int n = snprintf(item, sizeof(item), ".It Fl -%s Ar ", row->name);
		for (int i = 0; i < n; i++)
			item[i] = item[i] == '_' ? '-' : item[i];
		assert_non_null(strstr(printed, item));
	}
	for (const char *line = printed; *line; line = strchr(line, '\n') + 1)
		macros += *line == '.' || *line == '\'';
	assert_int_equal(macros, options);
	config_clear(&c);
}

static void printed_defaults_read_back_as_the_defaults(void **state)
{
	struct buf text = { 0 };
	(void)state;

	assert_int_equal(load("--print-config=default", NULL, NULL), OK);
	config_clear(&c);
	for (char *s = printed; *s; s++) {
		bool option = *s == '#' && s > printed && s[-1] == '\n' && islower(s[1]);
		if (!option)
			buf_putc(&text, *s);
	}
	assert_int_equal(load_file(text.data, "--print-config", NULL), OK);
	char *from_file = mem_strdup(printed);
	config_clear(&c);
	assert_int_equal(load("--print-config", NULL, NULL), OK);
	assert_non_null(strstr(text.data, "\nmax_body_bytes = 8M\n"));
	assert_string_equal(printed, from_file);
	config_clear(&c);
	buf_clear(&text);
	free(from_file);
}

static void help_names_every_option(void **state)
{
	char option[64];
	(void)state;

	assert_int_equal(load("--help", NULL, NULL), OK);
	for (const struct field *row = config_options; row->name; row++) {
		snprintf(option, sizeof(option), "\n  --%s ", row->name);
		for (char *s = option; *s; s++)
			*s = *s == '_' ? '-' : *s;
		assert_non_null(strstr(printed, option));
		assert_non_null(row->help);
	}
	config_clear(&c);
}

static void version_and_check_say_their_line(void **state)
{
	(void)state;

	assert_int_equal(load("--version", NULL, NULL), OK);
	assert_non_null(strstr(printed, "bertd "));
	assert_non_null(strstr(printed, "libtorch "));
	config_clear(&c);
	assert_int_equal(load("--check-config", NULL, NULL), OK);
	assert_string_equal(printed, "the configuration is valid\n");
	config_clear(&c);
	assert_int_equal(load("--check-config", "--threads=x", NULL), ERR_INVALID);
}

static void version_is_told_under_options_that_would_not_start(void **state)
{
	(void)state;

	assert_int_equal(load("--check-config", "--listen=0.0.0.0:1", NULL), ERR_INVALID);
	assert_int_equal(load("--version", "--listen=0.0.0.0:1", NULL), OK);
	assert_non_null(strstr(printed, "libtorch "));
	config_clear(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_has_a_sample),
		cmocka_unit_test(every_option_is_read_from_the_command_line),
		cmocka_unit_test(every_option_is_read_from_the_environment),
		cmocka_unit_test(every_option_is_read_from_the_file),
		cmocka_unit_test(command_line_goes_before_environment_before_file),
		cmocka_unit_test(config_file_can_be_named_by_the_environment),
		cmocka_unit_test(bad_values_are_refused_by_name),
		cmocka_unit_test(bad_variables_are_refused_by_name),
		cmocka_unit_test(a_value_is_read_from_the_file_that_a_variable_names),
		cmocka_unit_test(an_option_whose_name_ends_in_file_is_not_read_from_one),
		cmocka_unit_test(bad_value_files_are_refused_by_name),
		cmocka_unit_test(the_variables_of_the_hub_go_below_those_of_bertd),
		cmocka_unit_test(values_are_compared_and_taken_by_kind),
		cmocka_unit_test(bad_files_are_refused_by_line),
		cmocka_unit_test(empty_value_unsets_what_may_be_unset),
		cmocka_unit_test(sizes_and_flags_have_their_forms),
		cmocka_unit_test(unsafe_combinations_are_refused),
		cmocka_unit_test(manual_has_every_option_and_no_stray_macro),
		cmocka_unit_test(printed_defaults_read_back_as_the_defaults),
		cmocka_unit_test(help_names_every_option),
		cmocka_unit_test(version_and_check_say_their_line),
		cmocka_unit_test(version_is_told_under_options_that_would_not_start),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(printed);
	return failed;
}
