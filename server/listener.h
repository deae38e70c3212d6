/* The socket that is listened on: opened, and closed without losing who was already let in. Knows
 * no HTTP. */
#ifndef BERTD_SERVER_LISTENER_H
#define BERTD_SERVER_LISTENER_H

#include "base/err.h"

/* Listens on the address (see config_address). On OK *fd, non-blocking, and *port; on error *fd is
 * the socket or -1. ERR_INVALID (the address), ERR_IO (it is taken …). */
enum err listener_open(const char *listen, int *fd, int *port, struct errinfo *ei) MUST_USE;

/* Lets nobody new in from now on: the kernel drops what asks for a connection, and whoever asks
 * again finds the next process or, once fd is closed, a refusal. Handshakes that have begun come to
 * their end. Returns when the backlog has been accepted by whoever does that, after half a second
 * at most. Where the kernel lets nobody filter, as in some sandboxes, who asks is refused at once,
 * and a handshake of that very moment is lost. */
void listener_refuse(int fd);

#endif
