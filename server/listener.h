/* The socket that is listened on: opened, and closed without losing who was already let in. Knows
 * no HTTP. */
#ifndef BERTD_SERVER_LISTENER_H
#define BERTD_SERVER_LISTENER_H

#include <sys/socket.h>

#include "base/err.h"

/* Listens on the address (see config_address). On OK *fd, non-blocking, and *port; on error *fd is
 * the socket or -1. ERR_INVALID (the address), ERR_IO (it is taken …). */
enum err listener_open(const char *listen, int *fd, int *port, struct errinfo *ei) MUST_USE;

typedef void listener_take(void *ctx, int fd, const struct sockaddr *address, socklen_t len);
/* Refuses new connections from now on. Those that the kernel has accepted, for whose client the
 * connection stands, are given to take, which owns their fd. Nobody else may accept any more. fd
 * stays open. Takes some milliseconds. */
void listener_refuse(int fd, listener_take *take, void *ctx);

#endif
