/* server/version.h for the unit tests, which are not linked again for each commit. */
#include "version.h"

const char bertd_version[] = "0.0.0";
const char bertd_commit[] = "test";
const char bertd_build[] = "0.0.0 (commit test)";
const char bertd_agent[] = "bertd/0.0.0";
