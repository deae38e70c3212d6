/* What systemd (Type=notify) is told: sd_notify(3) as one datagram, without libsystemd. */
#ifndef BERTD_SERVER_NOTIFY_H
#define BERTD_SERVER_NOTIFY_H

/* Sends "READY=1", "STOPPING=1" … to NOTIFY_SOCKET; nothing where that is not set. A path, or with
 * "@" in front a name of Linux' abstract namespace. Failures are ignored: a service manager that
 * does not listen is no reason to end. */
void notify_send(const char *state);
/* A reload begins, now; READY=1 is to follow (sd_notify(3), "RELOADING=1"). */
void notify_reloading(void);

#endif
