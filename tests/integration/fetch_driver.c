/* The fetcher without the daemon, for test_hub.py: the configuration is the argument, as JSON; each
 * line of the input is a call, {"model": NAME}, {"file": FILE}, both maybe with "cached_only", or
 * {"snapshot": NAME}, which is looked for in the same folder; each line of the output says what
 * came of it. It waits for nothing between tries, but says how long it would have. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/fetch.h"

struct options {
	char *dir, *endpoint, *token, *data_hosts, *http_hosts, *private_networks;
	bool offline;
	int64_t max_file_bytes, max_cache_bytes, min_free_bytes;
};

#define AT(member) offsetof(struct options, member)
static const struct field fields[] = {
	{ "dir", F_STRING, AT(dir), .required = true },
	{ "hf_endpoint", F_STRING, AT(endpoint), .required = true },
	{ "token", F_STRING, AT(token) },
	{ "data_hosts", F_STRING, AT(data_hosts) },
	{ "http_hosts", F_STRING, AT(http_hosts) },
	{ "private_networks", F_STRING, AT(private_networks) },
	{ "offline", F_BOOL, AT(offline) },
	{ "max_file_bytes", F_INT, AT(max_file_bytes) },
	{ "max_cache_bytes", F_INT, AT(max_cache_bytes) },
	{ "min_free_bytes", F_INT, AT(min_free_bytes) },
	{ 0 },
};

static int64_t slept_ms;

static void count_sleep(int ms)
{
	slept_ms += ms;
}

static void fail(const char *what)
{
	fprintf(stderr, "fetch_driver: %s\n", what);
	exit(2);
}

struct seen {
	int reports;
	struct fetch_progress last;
};

static void on_progress(void *ctx, const struct fetch_progress *p)
{
	struct seen *seen = ctx;

	seen->reports++;
	seen->last = *p;
}

static json_t *text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *call(struct fetch *f, const char *dir, const json_t *command)
{
	const char *model = json_string_value(json_object_get(command, "model"));
	const char *file = json_string_value(json_object_get(command, "file"));
	struct seen seen = { 0 };
	struct fetch_how how = { .cached_only =
					 json_is_true(json_object_get(command, "cached_only")),
				 .progress = on_progress,
				 .ctx = &seen };
	char *path = NULL, commit[72] = "", sha256[SHA256_HEX_SIZE] = "";
	struct errinfo ei = { "" };
	const char *snapshot = json_string_value(json_object_get(command, "snapshot"));
	enum err e = snapshot ? fetch_find_snapshot(dir, snapshot, &path, &ei)
		     : model  ? fetch_model(f, model, &how, &path, commit, &ei)
			      : fetch_file(f, file ? file : "", &how, &path, sha256, &ei);
	json_t *answer =
		json_pack("{s:s, s:s, s:o, s:s, s:s, s:i, s:I}", "err", err_name(e), "message",
			  ei.msg, "path", text_or_null(path), "commit", commit, "sha256", sha256,
			  "reports", seen.reports, "bytes", (json_int_t)seen.last.bytes);
	free(path);
	return answer;
}

static struct fetch *open_fetch(const struct options *o, const struct networks *private_networks)
{
	struct errinfo ei = { "" };
	struct fetch *f;

	struct fetch_config c = {
		.dir = o->dir,
		.endpoint = o->endpoint,
		.token = o->token,
		.offline = o->offline,
		.data_hosts = o->data_hosts,
		.policy = { .http_hosts = o->http_hosts,
			    .private_networks = private_networks,
			    .user_agent = "bertd-test" },
		.max_file_bytes = o->max_file_bytes,
		.max_cache_bytes = o->max_cache_bytes,
		.min_free_bytes = o->min_free_bytes,
		.sleep_ms = count_sleep,
	};
	if (fetch_open(&c, &f, &ei) != OK)
		fail(ei.msg);
	return f;
}

int main(int argc, char **argv)
{
	struct options o = { .max_file_bytes = 1 << 30, .max_cache_bytes = 1LL << 40 };
	struct faults faults = { 0 };
	char line[1 << 16];
	struct networks *networks;
	json_t *value;

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	if (argc != 2 || json_parse(argv[1], strlen(argv[1]), &value, NULL) != OK ||
	    !fields_read(fields, value, "#", &o, &faults))
		fail("usage: fetch_driver CONFIGURATION");
	if (networks_parse(o.private_networks, &networks, NULL) != OK)
		fail("private_networks");
	struct fetch *f = open_fetch(&o, networks);
	while (fgets(line, sizeof(line), stdin)) {
		json_t *command;
		struct buf out = { 0 };
		if (json_parse(line, strlen(line), &command, NULL) != OK)
			fail("not a JSON line");
		slept_ms = 0;
		json_t *answer = call(f, o.dir, command);
		json_object_set_new(answer, "slept_ms", json_integer(slept_ms));
		json_print(answer, &out);
		puts(out.data);
		fflush(stdout);
		buf_clear(&out);
		json_decref(answer);
		json_decref(command);
	}
	fetch_close(f);
	networks_free(networks);
	fields_clear(fields, &o);
	json_decref(value);
	return 0;
}
