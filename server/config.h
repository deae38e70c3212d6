/* The configuration: one table of options gives the config file, --option, BERTD_OPTION, --help,
 * config/bertd.conf and the list in config/bertd.8.
 *
 * BERTD_OPTION_FILE names a file that holds the value of BERTD_OPTION.
 *
 * Precedence: command line, environment, file, default. An unknown key, a bad value or an unsafe
 * combination stops the start with one clear line that names the option and where it was set. */
#ifndef BERTD_SERVER_CONFIG_H
#define BERTD_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/fields.h"
#include "hub/fetch.h"

struct config {
	char *listen;	 /* "127.0.0.1:8080"; port 0: the system chooses */
	char *port_file; /* NULL: none; receives the port once the daemon is ready */
	char *data_dir, *data_root, *model_dir;
	char *device;		   /* "cpu", "cuda", "cuda:0" */
	int64_t threads;	   /* CPU threads of training and of inference; 0: all cores */
	char *api_keys_file;	   /* NULL: none; one "name:key" a line */
	char *default_model;	   /* NULL: /classify needs "model" */
	int log_level, log_format; /* enum log_level, enum log_format */
	int64_t http_threads;
	int64_t max_connections;
	int64_t idle_timeout;	  /* seconds a connection may do nothing */
	int64_t max_body_bytes;	  /* of JSON requests */
	int64_t max_upload_bytes; /* of POST /datasets */
	int64_t max_queued_jobs;
	int64_t max_classify_texts; /* in one request */
	int64_t max_text_bytes;	    /* of one text in /classify and /tokenize */
	int64_t max_streams;	    /* open metrics streams */
	int64_t max_model_bytes;    /* weights kept loaded for serving */
	int64_t max_batch_tokens;
	int64_t max_queue_texts;
	int64_t min_free_bytes; /* of the data directory's disk: below, /readyz is 503 and jobs are
				   refused with 507 */
	char *hf_endpoint, *hf_token; /* hf_token NULL: none */
	bool offline;
	char *data_hosts, *http_hosts, *private_networks; /* lists by comma; NULL: empty */
	char *proxy;					  /* NULL: none */
	int64_t max_download_bytes;			  /* of one file */
	int64_t max_hub_bytes, max_datasets_bytes, max_tokens_bytes; /* of all files of the kind */
	int64_t keep_jobs, keep_bytes;				     /* 0: no limit */
	bool serve_bf16;
};
extern const struct field config_options[];

enum config_action { CONFIG_RUN, CONFIG_EXIT_OK };
/* Reads --config FILE (or BERTD_CONFIG), the environment and the command line over the defaults,
 * and checks combinations. --help, --version, --check-config and --print-config write to out and
 * give CONFIG_EXIT_OK. ERR_INVALID with the line to print; *c is cleared then. */
enum err config_load(int argc, char *const *argv, char *const *env, FILE *out, struct config *c,
		     enum config_action *action, struct errinfo *ei) MUST_USE;
void config_clear(struct config *c);

/* What the options say of downloads, but for the folder. Borrows from both. */
void config_fetch(const struct config *c, const struct networks *private_networks,
		  struct fetch_config *out);
/* The option private_networks. ERR_INVALID. */
enum err config_networks(const struct config *c, struct networks **out,
			 struct errinfo *ei) MUST_USE;

/* The defaults, as new strings. */
void config_init(struct config *c);
/* Sets one option from text; where names the place in messages ("--threads", "bertd.conf:3:
 * threads"). Sizes (options that end in _bytes) may be written 512K, 64M, 2G, 1T; an empty text is
 * none, where an option may be unset. */
enum err config_set(struct config *c, const struct field *row, const char *text, const char *where,
		    struct errinfo *ei) MUST_USE;
/* Lines of "name = value" from a file (config_file.c): sections, unknown names and repeated ones
 * are errors. */
enum err config_read_file(const char *path, struct config *c, struct errinfo *ei) MUST_USE;

/* Whether a running daemon takes a new value of the option (reload.h). */
bool config_is_live(const struct field *row);
/* Whether both have the same value of the option, and giving to the value that from has. */
bool config_equal(const struct config *a, const struct config *b, const struct field *row);
void config_take(struct config *to, const struct config *from, const struct field *row);
/* Whether values are sizes, by the option's name. */
bool config_is_size(const struct field *row);
/* 1: yes, true, on; 0: no, false, off; -1: neither. */
int config_bool(const char *text);
/* Combinations that are wrong or unsafe together. */
enum err config_check(const struct config *c, struct errinfo *ei) MUST_USE;

/* config/bertd.conf: every option, commented, with its default. `bertd --print-config=default`. */
void config_print_default(FILE *out);
/* The values in use, in the form of the file. */
void config_print(const struct config *c, FILE *out);
/* --help. */
void config_print_help(FILE *out);
/* The options as items of an mdoc(7) list, for config/bertd.8. `bertd --print-config=man`. */
void config_print_man(FILE *out);

/* "127.0.0.1:8080", "[::1]:0", "localhost:8080" as a socket address. Names other than localhost are
 * not looked up. */
enum err config_address(const char *listen, struct sockaddr_storage *out, socklen_t *len,
			struct errinfo *ei) MUST_USE;
/* Whether only this machine can reach the address. */
bool config_is_loopback(const struct sockaddr_storage *a);

#endif
