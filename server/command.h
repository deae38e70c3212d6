/* What bertd does beside being the daemon: the first argument names a command. */
#ifndef BERTD_SERVER_COMMAND_H
#define BERTD_SERVER_COMMAND_H

#include <stdio.h>

/* Runs the command of argv[1], with its arguments and then options as config_load takes them, and
 * returns the exit status: 0, or 1 with one line on stderr (check: one a fault on stdout). */
int command_run(int argc, char *const *argv, char *const *env);
/* The commands' part of --help. */
void command_print_help(FILE *out);

#endif
