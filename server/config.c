/* The configuration: the table of options, their values and the checks. See config.h. */
#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "version.h"

#define TERA	  (1024.0 * 1024 * 1024 * 1024)
#define O(member) offsetof(struct config, member)

static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const log_formats[] = { "logfmt", "json", NULL };

const struct field config_options[] = {
	{ "listen", F_STRING, O(listen), 1, 128,
	  .help = "Address and port, as 127.0.0.1:8080 or [::1]:8080; port 0 lets the system "
		  "choose. "
		  "Other machines are only let in with api_keys_file." },
	{ "port_file", F_STRING, O(port_file), 0, 4096, .nullable = true,
	  .help = "File that receives the port once the daemon is ready." },
	{ "data_dir", F_STRING, O(data_dir), 1, 4096,
	  .help = "Folder of the database, jobs, models and uploads; made if it is not there." },
	{ "data_root", F_STRING, O(data_root), 0, 4096, .nullable = true,
	  .help = "Folder that the file paths of jobs are relative to; unset: jobs name uploads "
		  "only." },
	{ "model_dir", F_STRING, O(model_dir), 0, 4096, .nullable = true,
	  .help = "Folder of base models, one Hugging Face directory each." },
	{ "device", F_STRING, O(device), 1, 16, .help = "Where models run: cpu, cuda or cuda:N." },
	{ "threads", F_INT, O(threads), 0, 1024,
	  .help = "CPU threads of training and of inference; 0: one for each core." },
	{ "api_keys_file", F_STRING, O(api_keys_file), 0, 4096, .nullable = true,
	  .help = "File of API keys, one name:key or name:sha256:HEX a line (bertd keys add); "
		  "unset: no key is asked for. SIGHUP reads it again." },
	{ "default_model", F_STRING, O(default_model), 0, 160, .nullable = true,
	  .help = "Model of requests that name none." },
	{ "log_level", F_ENUM, O(log_level), .names = log_levels,
	  .help = "Least weight of what is logged." },
	{ "log_format", F_ENUM, O(log_format), .names = log_formats,
	  .help = "One line of logfmt, or one JSON object, for each event." },
	{ "http_threads", F_INT, O(http_threads), 1, 64,
	  .help = "Threads that serve connections." },
	{ "max_connections", F_INT, O(max_connections), 1, 100000,
	  .help = "Open connections; more wait to be accepted." },
	{ "idle_timeout", F_INT, O(idle_timeout), 1, 86400,
	  .help = "Seconds a connection may do nothing." },
	{ "max_body_bytes", F_INT, O(max_body_bytes), 1024, TERA,
	  .help = "Size of a JSON request." },
	{ "max_upload_bytes", F_INT, O(max_upload_bytes), 1024, TERA,
	  .help = "Size of an uploaded data set or model." },
	{ "max_queued_jobs", F_INT, O(max_queued_jobs), 1, 1000000, .help = "Jobs that may wait." },
	{ "max_classify_texts", F_INT, O(max_classify_texts), 1, 1000000,
	  .help = "Texts in one request." },
	{ "max_text_bytes", F_INT, O(max_text_bytes), 16, TERA, .help = "Size of one text." },
	{ "max_streams", F_INT, O(max_streams), 1, 100000, .help = "Open metrics streams." },
	{ "max_model_bytes", F_INT, O(max_model_bytes), 1, 16 * TERA,
	  .help = "Weights kept loaded for serving; the least recently used go first." },
	{ "max_batch_tokens", F_INT, O(max_batch_tokens), 16, 1 << 24,
	  .help = "Tokens of one forward pass of serving." },
	{ "max_queue_texts", F_INT, O(max_queue_texts), 1, 10000000,
	  .help = "Texts that may wait for inference; more are refused with 503." },
	{ "min_free_bytes", F_INT, O(min_free_bytes), 0, 16 * TERA,
	  .help = "Room that must be left on the disk of data_dir; below it /readyz is 503, and "
		  "jobs "
		  "and uploads are refused with 507." },
	{ "hf_endpoint", F_STRING, O(hf_endpoint), 8, 512,
	  .help = "The Hugging Face Hub, or a mirror of it: https://HOST[:PORT][/PATH]. "
		  "HF_ENDPOINT "
		  "is read too." },
	{ "hf_token", F_STRING, O(hf_token), 0, 512, .nullable = true, .secret = true,
	  .help = "Token for gated and private repositories, sent to the host of hf_endpoint only. "
		  "BERTD_HF_TOKEN_FILE names a file that holds it; HF_TOKEN is read too." },
	{ "offline", F_BOOL, O(offline),
	  .help = "Download nothing: the Hub's models and files come from what is there. "
		  "HF_HUB_OFFLINE is read too." },
	{ "data_hosts", F_STRING, O(data_hosts), 0, 4096, .nullable = true,
	  .help = "Hosts, by comma, that jobs may name https:// files of; .example.org is all its "
		  "subdomains. Unset: none." },
	{ "http_hosts", F_STRING, O(http_hosts), 0, 4096, .nullable = true,
	  .help = "Hosts, by comma, that are also spoken to without TLS: HOST, for every port, or "
		  "HOST:PORT." },
	{ "private_networks", F_STRING, O(private_networks), 0, 4096, .nullable = true,
	  .help = "Networks, by comma, that downloads may reach although they are not public: "
		  "10.0.0.0/8, 127.0.0.1/32, fd00::/8." },
	{ "proxy", F_STRING, O(proxy), 0, 512, .nullable = true, .secret = true,
	  .help = "Proxy of downloads: http://[USER:PASSWORD@]HOST:PORT. It resolves the names, so "
		  "that "
		  "private addresses have to be refused by it. Those of the environment are not "
		  "used." },
	{ "max_download_bytes", F_INT, O(max_download_bytes), 1024, 16 * TERA,
	  .help = "Size of one downloaded file." },
	{ "max_hub_bytes", F_INT, O(max_hub_bytes), 1024, 64 * TERA,
	  .help = "Room of all downloads; what was used least recently goes first." },
	{ "max_datasets_bytes", F_INT, O(max_datasets_bytes), 1024, 64 * TERA,
	  .help = "Room of all uploaded data sets; beyond it uploads are refused with 507." },
	{ "max_tokens_bytes", F_INT, O(max_tokens_bytes), 1024, 64 * TERA,
	  .help = "Room of encoded data sets, which later jobs on the same data use again; what "
		  "was "
		  "used least recently goes first." },
	{ "keep_jobs", F_INT, O(keep_jobs), 0, 1000000,
	  .help = "Ended jobs that are kept, with their checkpoints and models; the oldest go "
		  "first, but none that is in use. 0: all." },
	{ "keep_bytes", F_INT, O(keep_bytes), 0, 64 * TERA,
	  .help = "Room of ended jobs with their checkpoints and models; the oldest go first, "
		  "but none that is in use, and the newest stays. 0: no limit." },
	{ "serve_bf16", F_BOOL, O(serve_bf16),
	  .help = "Compute in bfloat16 when serving; scores move in the third decimal." },
	{ .name = NULL },
};

void config_init(struct config *c)
{
	*c = (struct config){
		.listen = mem_strdup("127.0.0.1:8080"),
		.data_dir = mem_strdup("data"),
		.device = mem_strdup("cpu"),
		.log_level = LOG_INFO,
		.log_format = LOG_LOGFMT,
		.http_threads = 4,
		.max_connections = 1024,
		.idle_timeout = 60,
		.max_body_bytes = 8 << 20,
		.max_upload_bytes = 2LL << 30,
		.max_queued_jobs = 100,
		.max_classify_texts = 1024,
		.max_text_bytes = 1 << 20,
		.max_streams = 256,
		.max_model_bytes = 2LL << 30,
		.max_batch_tokens = 16384,
		.max_queue_texts = 8192,
		.min_free_bytes = 512 << 20,
		.hf_endpoint = mem_strdup("https://huggingface.co"),
		.max_download_bytes = 20LL << 30,
		.max_hub_bytes = 100LL << 30,
		.max_datasets_bytes = 100LL << 30,
		.max_tokens_bytes = 20LL << 30,
	};
}

void config_clear(struct config *c)
{
	fields_clear(config_options, c);
}

/* Reloading */

bool config_is_live(const struct field *row)
{
	static const char *const live[] = {
		"default_model",   "log_level",		 "max_body_bytes", "max_upload_bytes",
		"max_queued_jobs", "max_classify_texts", "max_text_bytes", "max_streams",
		"min_free_bytes",  "keep_jobs",		 "keep_bytes",	   "max_datasets_bytes",
	};

	for (size_t i = 0; i < sizeof(live) / sizeof(*live); i++)
		if (strcmp(row->name, live[i]) == 0)
			return true;
	return false;
}

static size_t value_size(const struct field *row)
{
	if (row->kind == F_BOOL)
		return sizeof(bool);
	return row->kind == F_ENUM ? sizeof(int) : sizeof(int64_t);
}

bool config_equal(const struct config *a, const struct config *b, const struct field *row)
{
	const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;

	if (row->kind != F_STRING)
		return memcmp(x, y, value_size(row)) == 0;
	const char *s = *(char *const *)x, *t = *(char *const *)y;
	return s && t ? strcmp(s, t) == 0 : s == t;
}

void config_take(struct config *to, const struct config *from, const struct field *row)
{
	const void *value = (const char *)from + row->offset;
	void *at = (char *)to + row->offset;

	if (row->kind != F_STRING) {
		memcpy(at, value, value_size(row));
		return;
	}
	const char *s = *(char *const *)value;
	free(*(char **)at);
	*(char **)at = s ? mem_strdup(s) : NULL;
}

/* Values */

bool config_is_size(const struct field *row)
{
	size_t n = strlen(row->name);

	return row->kind == F_INT && n > 6 && strcmp(row->name + n - 6, "_bytes") == 0;
}

static bool parse_int(const char *text, bool size, int64_t *out)
{
	static const char units[] = "KMGT";
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	const char *unit = size && *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		if (__builtin_mul_overflow(v, 1024LL, &v))
			return false;
	*out = v;
	return errno == 0 && end[unit != NULL] == '\0';
}

static enum err set_int(const struct field *row, const char *text, const char *where, int64_t *out,
			struct errinfo *ei)
{
	int64_t v = 0;

	if (parse_int(text, config_is_size(row), &v) && (double)v >= row->min &&
	    (double)v <= row->max) {
		*out = v;
		return OK;
	}
	if (config_is_size(row))
		return err_set(
			ei, ERR_INVALID,
			"%s: must be a size from %.0f to %.0fG such as 512M or 2G, not \"%s\"",
			where, row->min, row->max / (1 << 30), text);
	return err_set(ei, ERR_INVALID, "%s: must be a whole number from %.0f to %.0f, not \"%s\"",
		       where, row->min, row->max, text);
}

int config_bool(const char *text)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", NULL };

	for (int i = 0; words[i]; i++)
		if (strcasecmp(text, words[i]) == 0)
			return i % 2;
	return -1;
}

static enum err set_enum(const struct field *row, const char *text, const char *where, int *out,
			 struct errinfo *ei)
{
	char known[128] = "";

	for (int i = 0; row->names[i]; i++) {
		if (strcmp(row->names[i], text) == 0) {
			*out = i;
			return OK;
		}
		size_t n = strlen(known);
		snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", row->names[i]);
	}
	return err_set(ei, ERR_INVALID, "%s: must be one of %s, not \"%s\"", where, known, text);
}

static enum err set_string(const struct field *row, const char *text, const char *where, char **out,
			   struct errinfo *ei)
{
	size_t n = strlen(text);

	if ((double)n < row->min)
		return err_set(ei, ERR_INVALID, "%s: must not be empty", where);
	if ((double)n > row->max)
		return err_set(ei, ERR_INVALID, "%s: must be at most %.0f bytes long", where,
			       row->max);
	free(*out);
	*out = n ? mem_strdup(text) : NULL;
	return OK;
}

enum err config_set(struct config *c, const struct field *row, const char *text, const char *where,
		    struct errinfo *ei)
{
	void *at = (char *)c + row->offset;

	if (row->kind == F_INT)
		return set_int(row, text, where, at, ei);
	if (row->kind == F_ENUM)
		return set_enum(row, text, where, at, ei);
	if (row->kind == F_STRING)
		return set_string(row, text, where, at, ei);
	BUG_ON(row->kind != F_BOOL);
	if (config_bool(text) < 0)
		return err_set(ei, ERR_INVALID, "%s: must be yes or no, not \"%s\"", where, text);
	*(bool *)at = config_bool(text);
	return OK;
}

/* Addresses */

static bool parse_port(const char *text, in_port_t *out)
{
	int64_t v;

	if (!parse_int(text, false, &v) || v > 65535)
		return false;
	*out = htons((uint16_t)v);
	return true;
}

enum err config_address(const char *listen, struct sockaddr_storage *out, socklen_t *len,
			struct errinfo *ei)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	const char *colon = strrchr(listen, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t n = colon ? (size_t)(colon - listen) : 0;

	memset(out, 0, sizeof(*out));
	if (n > 0 && n < sizeof(host)) {
		memcpy(host, listen, n);
		host[n] = '\0';
		if (strcmp(host, "localhost") == 0)
			strcpy(host, "127.0.0.1");
		if (inet_pton(AF_INET, host, &v4->sin_addr) == 1 &&
		    parse_port(colon + 1, &v4->sin_port)) {
			v4->sin_family = AF_INET;
			*len = sizeof(*v4);
			return OK;
		}
		bool brackets = host[0] == '[' && host[n - 1] == ']';
		host[n - 1] = '\0';
		if (brackets && inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 &&
		    parse_port(colon + 1, &v6->sin6_port)) {
			v6->sin6_family = AF_INET6;
			*len = sizeof(*v6);
			return OK;
		}
	}
	return err_set(ei, ERR_INVALID,
		       "listen: must be ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080, not \"%s\"",
		       listen);
}

bool config_is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

/* Checks of the whole */

static bool is_device(const char *s)
{
	int64_t n;

	if (strcmp(s, "cpu") == 0 || strcmp(s, "cuda") == 0)
		return true;
	return strncmp(s, "cuda:", 5) == 0 && parse_int(s + 5, false, &n) && n < 64;
}

void config_fetch(const struct config *c, const struct networks *private_networks,
		  struct fetch_config *out)
{
	*out = (struct fetch_config){ .endpoint = c->hf_endpoint,
				      .token = c->hf_token,
				      .offline = c->offline,
				      .data_hosts = c->data_hosts,
				      .policy = { .http_hosts = c->http_hosts,
						  .private_networks = private_networks,
						  .proxy = c->proxy,
						  .user_agent = bertd_agent },
				      .max_file_bytes = c->max_download_bytes,
				      .max_cache_bytes = c->max_hub_bytes,
				      .min_free_bytes = c->min_free_bytes };
}

enum err config_networks(const struct config *c, struct networks **out, struct errinfo *ei)
{
	struct errinfo why;

	if (networks_parse(c->private_networks, out, &why) != OK)
		return err_set(ei, ERR_INVALID, "private_networks: %.400s", why.msg);
	return OK;
}

static enum err check_fetch(const struct config *c, struct errinfo *ei)
{
	struct networks *networks = NULL;
	struct fetch_config fetch;
	enum err e = config_networks(c, &networks, ei);

	config_fetch(c, networks, &fetch);
	if (e == OK)
		e = fetch_check_config(&fetch, ei);
	networks_free(networks);
	return e;
}

enum err config_check(const struct config *c, struct errinfo *ei)
{
	struct sockaddr_storage address;
	socklen_t len;
	enum err e = config_address(c->listen, &address, &len, ei);

	if (e != OK)
		return e;
	if (!config_is_loopback(&address) && !c->api_keys_file)
		return err_set(
			ei, ERR_INVALID,
			"listen: other machines can reach %s, and api_keys_file is not set; set "
			"it, or listen on 127.0.0.1",
			c->listen);
	if (!is_device(c->device))
		return err_set(ei, ERR_INVALID, "device: must be cpu, cuda or cuda:N, not \"%s\"",
			       c->device);
	if (c->max_connections < c->http_threads)
		return err_set(ei, ERR_INVALID,
			       "max_connections: must be at least http_threads (%lld)",
			       (long long)c->http_threads);
	if (c->max_streams >= c->max_connections)
		return err_set(ei, ERR_INVALID,
			       "max_streams: must be below max_connections (%lld), or streams shut "
			       "everybody else out",
			       (long long)c->max_connections);
	return check_fetch(c, ei);
}
