/* Names that people write and names that the Hub says: judged, and made into folders and URLs.
 * Pure. */
#ifndef BERTD_HUB_NAMES_H
#define BERTD_HUB_NAMES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define NAMES_MAX_ID	   96
#define NAMES_MAX_REVISION 200
#define NAMES_MAX_PATH	   1024
#define NAMES_MAX_SEGMENT  255 /* bytes of one name of a file system */

enum repo_kind { REPO_MODEL, REPO_DATASET };

struct repo_name {
	enum repo_kind kind;
	char id[NAMES_MAX_ID + 1];	       /* "OWNER/NAME", or "NAME" of a model */
	char revision[NAMES_MAX_REVISION + 1]; /* "main" where none was written */
};

/* "OWNER/NAME" or "NAME", then maybe "@REVISION": see fetch_is_model_name. */
bool names_read_model(const char *text, struct repo_name *out);

/* hf://datasets/OWNER/NAME[@REVISION]/PATH. A "/" of the revision is written %2F, but for
 * refs/pr/N and refs/convert/NAME; "~parquet" is refs/convert/parquet, as in huggingface_hub. The
 * path is percent-decoded once into the new string *path. ERR_INVALID says what is wrong. */
enum err names_read_data_url(const char *url, struct repo_name *out, char **path,
			     struct errinfo *ei) MUST_USE;

/* Whether path may be asked for and written below a folder: UTF-8, names between single "/", none
 * empty or beginning with ".", no control characters, no "\", not too long. */
bool names_path_ok(const char *path);

/* The full hash of a commit: 40 or 64 lower-case hex digits. */
bool names_is_commit(const char *s);
/* "model-00001-of-00003.safetensors". */
bool names_is_shard(const char *s);

/* "models--OWNER--NAME", the folder in the layout of huggingface_hub. A new string. */
char *names_folder(const struct repo_name *repo);

/* Appends text percent-encoded but for letters, digits, "-._~", and "/" where keep_slash. */
void names_encode(const char *text, bool keep_slash, struct buf *out);

/* Lists as of data_hosts: "HOST, .SUFFIX, …". NULL and "" are the empty list. */
enum err names_check_hosts(const char *list, struct errinfo *ei) MUST_USE;
/* host in lower case. ".example.org" holds a.example.org and b.a.example.org, but not example.org.
 */
bool names_hosts_hold(const char *list, const char *host);

#endif
