/* The configuration: one table of options gives the config file, --option, BERTD_OPTION, --help and config/bertd.conf.
 *
 * Precedence: command line, environment, file, default. An unknown key, a bad value or an unsafe combination stops the
 * start with one clear line that names the option and where it was set. */
#ifndef BERTD_SERVER_CONFIG_H
#define BERTD_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/fields.h"

struct config {
	char *listen;	 /* "127.0.0.1:8080"; port 0: the system chooses */
	char *port_file; /* NULL: none; receives the port once the daemon is ready */
	char *data_dir, *data_root, *model_dir;
	char *device;	   /* "cpu", "cuda", "cuda:0" */
	int64_t threads;   /* CPU threads of training and of inference; 0: all cores */
	char *api_keys_file; /* NULL: none; one "name:key" a line */
	char *default_model; /* NULL: /classify needs "model" */
	int log_level;
	int64_t http_threads;
	int64_t max_connections;
	int64_t idle_timeout;	   /* seconds a connection may do nothing */
	int64_t max_body_bytes;	   /* of JSON requests */
	int64_t max_upload_bytes;  /* of POST /datasets */
	int64_t max_queued_jobs;
	int64_t max_classify_texts; /* in one request */
	int64_t max_text_bytes;	   /* of one text in /classify and /tokenize */
	int64_t max_streams;	   /* open metrics streams */
	int64_t max_model_bytes;   /* weights kept loaded for serving */
	int64_t max_batch_tokens;
	int64_t max_queue_texts;
	int64_t min_free_bytes;	   /* of the data directory's disk: below, /readyz is 503 and jobs are refused with 507 */
	bool serve_bf16;
};
extern const struct field config_options[];

enum config_action { CONFIG_RUN, CONFIG_EXIT_OK };
/* Reads --config FILE (if named), the environment and the command line over the defaults, and checks combinations.
 * --help, --version, --check-config and --print-config write to out and give CONFIG_EXIT_OK. ERR_INVALID with the line
 * to print. */
enum err config_load(int argc, char *const *argv, char *const *env, FILE *out, struct config *c, enum config_action *action,
		     struct errinfo *ei) MUST_USE;
void config_clear(struct config *c);
/* config/bertd.conf: every option, commented, with its default. `bertd --print-config=default`. */
void config_print_default(FILE *out);

#endif
