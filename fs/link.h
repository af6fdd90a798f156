/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream of messages to somebody else: a pair of descriptors, whatever is behind them (a socket, an ssh process, a thread that speaks TLS).  A
 * message says its length in its first four bytes (little-endian, itself included).
 */
#ifndef DOMFS_LINK_H
#define DOMFS_LINK_H

#include "engine/buf.h"
#include "engine/error.h"

struct link;

struct link_ops {
	/* One whole message, borrowed.  May call link_close. */
	void (*message)(void *arg, struct str message);
	/* It ended: by the other side (CODE 0), or by an error; nothing is called after it.  The link is closed already and is freed by
	 * link_free. */
	void (*ended)(void *arg, const struct error *err);
	/* What link_busy complained of has been sent.  May be NULL. */
	void (*drained)(void *arg);
};

/* Takes IN and OUT (which may be the same) over.  A message longer than MAX ends the link. */
struct link *link_new(int in, int out, uint32_t max, const struct link_ops *ops, void *arg);
void link_limit(struct link *l, uint32_t max); /* from the next message on */
void link_free(struct link *l);		       /* closes without a word; safe inside its callbacks; NULL is fine */
/* Sends what BYTES hold (whole messages), now or when the other side takes it; empties BYTES.  Nothing when the link has ended. */
void link_send(struct link *l, struct buf *bytes);
bool link_busy(const struct link *l); /* so much waits to be sent that the other side is to be heard no more for now */
void link_pause(struct link *l, bool on); /* hears nothing more until it is turned off again */
uint64_t link_bytes_in(const struct link *l);
uint64_t link_bytes_out(const struct link *l);

#endif
