/* What was built, for /metrics, the log, model cards and --version. The Makefile writes the texts
 * into an object of its own, so that a new commit compiles nothing else. */
#ifndef BERTD_SERVER_VERSION_H
#define BERTD_SERVER_VERSION_H

extern const char bertd_version[]; /* "0.1.0" */
extern const char bertd_commit[];  /* "1a2b3c4" or "unknown" */
extern const char bertd_build[];   /* "0.1.0 (commit 1a2b3c4)" */
extern const char bertd_agent[];   /* "bertd/0.1.0", as HTTP's User-Agent */

#endif
