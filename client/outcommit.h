/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * liboutcommit: drive and observe outcommitd, which holds a checkpointed guest's network output
 * until its checkpoint is safe. docs/protocol.md says what each request means; liboutcommit(3)
 * has examples.
 *
 * Made for use inside someone else's process, a hypervisor's above all: no globals, no signals
 * sent, caught or masked (sends use MSG_NOSIGNAL), no output, no exit, no thread of its own;
 * every descriptor is close-on-exec.
 *
 * Threads: one connection may be used by many threads at once; requests on it are carried out one
 * after another. Different connections do not know of each other. outcommit_close() must be the
 * last use.
 *
 * Errors: functions return 0 or a negative errno; outputs are untouched on failure. Every error
 * of docs/protocol.md comes through as it is. These are the library's own, and the daemon never
 * sends them:
 *   -ENOTCONN    the daemon cannot be reached
 *   -ECONNRESET  the connection was lost before the reply came, and the request could not be
 *                repeated: whether it was carried out is not known
 *   -ETIMEDOUT   no reply in time: whether the request was carried out is not known
 * And these may come from either, so struct outcommit_error tells them apart:
 *   -EINVAL      an argument cannot be sent in a message (control characters, too long)
 *   -EMSGSIZE, -E2BIG  the request is over the protocol's limits
 *   -EBADMSG     the reply is not of the protocol
 *   -EBUSY       the connection monitors, or replies are outstanding that were asked for with
 *                outcommit_send()
 *   -ENOMEM
 */
#ifndef OUTCOMMIT_H
#define OUTCOMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the daemon listens unless it was told otherwise. */
#define OUTCOMMIT_SOCKET "/run/outcommit/control.sock"

/* Room for any interface's name, its NUL included. */
#define OUTCOMMIT_IFNAME_SIZE 16U

/* One connection to the daemon. */
struct outcommit;

/*
 * One reply, or one event of a monitoring connection. Immutable; to be freed with
 * outcommit_reply_free().
 */
struct outcommit_reply;

/*
 * One field of a request. One whose value is NULL is left out, which saves conditions around
 * optional fields.
 */
struct outcommit_field {
	const char *key;
	const char *value;
};

/*
 * What went wrong, for a log or a user. Wherever a pointer to one is taken, it may be NULL. It is
 * filled in on failure only, and then completely; strings that do not apply are empty.
 */
struct outcommit_error {
	int code;		/* what the function returns: a negative errno */
	bool from_daemon;	/* the daemon refused, and not the library or the connection */
	uint64_t expected;	/* the epoch that would be right, with -EPROTO; otherwise 0 */
	char vif[64];		/* the vif at fault */
	char field[64];		/* the field at fault */
	char value[128];	/* and what it held */
	char message[1032];	/* one line for a human, never empty */
};

/* What becomes of frames that are not committed when a vif is detached. */
enum outcommit_pending {
	OUTCOMMIT_PENDING_REFUSE,	/* a domain that holds is left alone: -EBUSY */
	OUTCOMMIT_PENDING_RELEASE,	/* they leave, in order */
	OUTCOMMIT_PENDING_DISCARD,	/* they are dropped */
};

/* What becomes of a domain whose driver is gone. */
enum outcommit_policy {
	OUTCOMMIT_POLICY_CONFIGURED,	/* what the administrator wants */
	OUTCOMMIT_POLICY_HOLD,		/* it goes on holding */
	OUTCOMMIT_POLICY_RELEASE,	/* everything held leaves, and it is passing again */
	OUTCOMMIT_POLICY_DISCARD,	/* what is not committed is dropped, and it goes on holding */
};

/* What a driver asks for when it begins to drive. All zeros: as it is configured. */
struct outcommit_terms {
	enum outcommit_policy on_driver_lost;
	bool has_grace;
	uint64_t grace_ns;	/* how long it may take to come back, if has_grace */
};

/* ---- Connection ---- */

/**
 * outcommit_connect() - connect to the daemon
 * @path: the control socket, or NULL for OUTCOMMIT_SOCKET
 * @timeout_ms: how long this call and each later request may take, in milliseconds; negative:
 *   without limit
 * @out: the new connection, to be closed with outcommit_close()
 *
 * It does not wait for a daemon that is not there.
 *
 * Return: 0, -ENOENT (no such socket), -ECONNREFUSED (nobody listens), -EACCES (no right to
 * connect), -ENAMETOOLONG, -ETIMEDOUT, -ENOMEM or what socket(2) and connect(2) may give.
 */
int outcommit_connect(const char *path, int timeout_ms, struct outcommit **out);

/**
 * outcommit_close() - close a connection and free it
 * @c: the connection, or NULL
 *
 * Nothing that the daemon holds is touched.
 */
void outcommit_close(struct outcommit *c);

/**
 * outcommit_fd() - the descriptor to wait for
 * @c: the connection
 *
 * Readable when outcommit_recv() or outcommit_next_event() has something to take. It stays the
 * library's, and changes when the connection is made anew: ask again after outcommit_reconnect(),
 * a request or outcommit_next_event().
 *
 * Return: the descriptor, or -ENOTCONN.
 */
int outcommit_fd(struct outcommit *c);

/**
 * outcommit_set_timeout() - how long each request may take in all, repeats included
 * @c: the connection
 * @timeout_ms: milliseconds by the monotonic clock, counted from when the request's turn has
 *   come; negative: without limit
 */
void outcommit_set_timeout(struct outcommit *c, int timeout_ms);

/**
 * outcommit_set_retry() - whether a lost connection is made anew and the request repeated
 * @c: the connection
 * @retry: on by default
 *
 * When it is on, a restart of the daemon is invisible: if the connection is lost, the library
 * connects again, waiting for the daemon if it must, within the request's time, and sends the
 * request again. All requests can be repeated but one: a postsuspend without an epoch, which is
 * repeated only if it certainly was not delivered, and fails with -ECONNRESET otherwise. When it
 * is off, requests on a lost connection fail with -ENOTCONN until outcommit_reconnect().
 *
 * A new connection first drives what the lost one drove, see outcommit_drive(). If that is refused,
 * because somebody else drives the domain by now, the request fails with what the daemon said, if it
 * is about that domain.
 */
void outcommit_set_retry(struct outcommit *c, bool retry);

/**
 * outcommit_reconnect() - connect anew at once
 * @c: the connection
 *
 * For users of the asynchronous halves; requests do it by themselves. Replies that are still
 * outstanding are lost, and a monitoring connection monitors no more. What was driven is driven on,
 * as far as nobody else drives it by now.
 *
 * Return: as outcommit_connect().
 */
int outcommit_reconnect(struct outcommit *c);

/* ---- Any request ---- */

/**
 * outcommit_request() - send a request and wait for its outcome
 * @c: the connection
 * @verb: the verb
 * @fields: the request's fields
 * @count: how many there are
 * @reply: the reply to a request that succeeded, to be freed with outcommit_reply_free(); may be
 *   NULL
 * @err: what went wrong; may be NULL
 *
 * Return: 0, the daemon's error, or one of the library's own.
 */
int outcommit_request(struct outcommit *c, const char *verb, const struct outcommit_field *fields,
		      size_t count, struct outcommit_reply **reply, struct outcommit_error *err);

/**
 * outcommit_send() - send a request without waiting
 * @c: the connection
 * @verb: the verb
 * @fields: the request's fields
 * @count: how many there are
 *
 * Its reply is taken with outcommit_recv(); replies come in the order of the requests. Nothing is
 * repeated.
 *
 * Return: 0, -EAGAIN (the daemon is behind with reading: wait for POLLOUT), -ENOTCONN (lost,
 * before or by this call: outcommit_reconnect()) or another of the library's own errors.
 */
int outcommit_send(struct outcommit *c, const char *verb, const struct outcommit_field *fields,
		   size_t count);

/**
 * outcommit_recv() - take the next reply or event, without waiting
 * @c: the connection
 * @reply: what came, to be freed with outcommit_reply_free(); outcommit_reply_event() tells which
 *   it is
 *
 * Return: 0, -EAGAIN (nothing there: wait for POLLIN), -ENOTCONN (lost: outcommit_reconnect()),
 * -EBADMSG, -ENOMEM.
 */
int outcommit_recv(struct outcommit *c, struct outcommit_reply **reply);

/* ---- Replies and events; strings live as long as the reply ---- */

/** outcommit_reply_free() - free a reply; @reply may be NULL */
void outcommit_reply_free(struct outcommit_reply *reply);

/** outcommit_reply_status() - 0 or the daemon's negative errno; 0 for an event */
int outcommit_reply_status(const struct outcommit_reply *reply);

/** outcommit_reply_event() - the event's name, "exists", "change", …; NULL if it is a reply */
const char *outcommit_reply_event(const struct outcommit_reply *reply);

/** outcommit_reply_message() - the daemon's line for a human, "" if it gave none */
const char *outcommit_reply_message(const struct outcommit_reply *reply);

/** outcommit_reply_count() - how many fields there are */
size_t outcommit_reply_count(const struct outcommit_reply *reply);

/**
 * outcommit_reply_field() - one field by its place
 * @reply: the reply
 * @index: from 0
 * @field: the field
 *
 * Return: 0, or -ENODATA behind the last one.
 */
int outcommit_reply_field(const struct outcommit_reply *reply, size_t index,
			  struct outcommit_field *field);

/** outcommit_reply_get() - the first value of @key, NULL if there is none */
const char *outcommit_reply_get(const struct outcommit_reply *reply, const char *key);

/** outcommit_reply_get_u64() - the same as a number: 0, -ENODATA, or -EINVAL if it is none */
int outcommit_reply_get_u64(const struct outcommit_reply *reply, const char *key, uint64_t *number);

/*
 * A status reply is a block of fields for the domain itself, then one for each outstanding epoch,
 * which begins with EPOCH, and one for each vif, which begins with VIF:
 *
 *	struct outcommit_block vif = outcommit_reply_block(reply);
 *
 *	while (outcommit_block_next(&vif, "VIF"))
 *		puts(outcommit_block_get(&vif, "VIF_STATE"));
 */
struct outcommit_block {
	const struct outcommit_reply *reply;
	size_t first; /* index of its first field */
	size_t count;
};

/** outcommit_reply_block() - the first block: what comes before any EPOCH or VIF */
struct outcommit_block outcommit_reply_block(const struct outcommit_reply *reply);

/**
 * outcommit_block_next() - go to the next block that begins with @key ("EPOCH" or "VIF"); false:
 * there is none
 */
bool outcommit_block_next(struct outcommit_block *block, const char *key);

/** outcommit_block_get() - the value of @key in this block, NULL if there is none */
const char *outcommit_block_get(const struct outcommit_block *block, const char *key);

/** outcommit_block_get_u64() - the same as a number: 0, -ENODATA, or -EINVAL if it is none */
int outcommit_block_get_u64(const struct outcommit_block *block, const char *key, uint64_t *number);

/*
 * ---- The verbs ----
 *
 * Each sends one request and returns its outcome: 0, the daemon's error, or one of the library's
 * own. In all of them @c is the connection, @domain the domain's name, and @err takes what went
 * wrong; it may be NULL, and so may every output. Their common errors are -EINVAL (a bad name or
 * number), -EACCES (the peer's role, or the domain is another user's), -EBUSY (another connection
 * drives the domain, or its driver is expected back), -ENOENT (no such domain) and -EIO (the kernel
 * refused, or a vif is broken); others are given with each.
 */

/**
 * outcommit_drive() - take the domain's lease: from now on, nobody else drives it
 * @terms: what becomes of the domain if this connection is lost and does not come back; NULL: what
 *   is configured
 * @reply: STATE, OPEN, COMMITTED, to know where the domain stands, and the terms; to be freed with
 *   outcommit_reply_free(); may be NULL
 *
 * The lease lasts as long as the connection. To give a domain that holds to another driver, ask for
 * OUTCOMMIT_POLICY_HOLD without any grace, then close the connection.
 *
 * Return: also -EBUSY (another connection drives the domain).
 */
int outcommit_drive(struct outcommit *c, const char *domain, const struct outcommit_terms *terms,
		    struct outcommit_reply **reply, struct outcommit_error *err);

/**
 * outcommit_attach() - make a vif's buffer and send the vif's output through it
 * @domain: name of the domain, made with its first vif
 * @vif: the vif's interface name
 * @limit_bytes: how much may be held, 0 for the daemon's default
 * @ifb: takes the buffer's interface name
 * @ifb_size: room at @ifb, at least OUTCOMMIT_IFNAME_SIZE unless @ifb is NULL
 *
 * A second attach changes nothing and gives the same answer; it repairs a broken vif.
 *
 * Return: also -ENODEV (no such vif), -EEXIST (it belongs to another domain), -EBUSY (someone
 * else redirects it), -ENOSPC.
 */
int outcommit_attach(struct outcommit *c, const char *domain, const char *vif, uint64_t limit_bytes,
		     char *ifb, size_t ifb_size, struct outcommit_error *err);

/**
 * outcommit_detach() - remove the buffer of one vif or of all
 * @domain: name of the domain, which goes with its last vif
 * @vif: the vif, or NULL for all
 * @pending: what becomes of frames that are not committed
 *
 * If the request had to be repeated, "no such domain" and "no such vif" are taken for success:
 * the first try did it.
 *
 * Return: also -ENODEV (no such vif), -EBUSY (the domain holds, and @pending is
 * OUTCOMMIT_PENDING_REFUSE).
 */
int outcommit_detach(struct outcommit *c, const char *domain, const char *vif,
		     enum outcommit_pending pending, struct outcommit_error *err);

/**
 * outcommit_postsuspend() - the guest stands still: close the open epoch and hold what comes next
 * @epoch: the epoch to close; 0 for whichever is open, but then the request cannot be repeated
 *   after a lost reply
 * @closed: the epoch that was closed
 * @err: what went wrong; @err->expected is the epoch that would be right
 *
 * Return: also -EPROTO (epoch order), -ENOSPC (too many outstanding), -ENODEV (no vif left).
 */
int outcommit_postsuspend(struct outcommit *c, const char *domain, uint64_t epoch, uint64_t *closed,
			  struct outcommit_error *err);

/**
 * outcommit_preresume() - may the guest run again?
 * @epoch: the epoch that was closed last
 *
 * Return: 0 only if the barrier that closed @epoch is in force on every vif. On any error, the
 * library's own included, the guest must not be resumed. Also -EPROTO, -ENODEV.
 */
int outcommit_preresume(struct outcommit *c, const char *domain, uint64_t epoch,
			struct outcommit_error *err);

/**
 * outcommit_commit() - the checkpoint is safe: release every outstanding epoch up to this one
 * @epoch: the newest epoch that is safe
 * @committed: the newest committed epoch
 *
 * Return: also -EPROTO (it is not closed), -ECANCELED (it was aborted).
 */
int outcommit_commit(struct outcommit *c, const char *domain, uint64_t epoch, uint64_t *committed,
		     struct outcommit_error *err);

/**
 * outcommit_abort() - the checkpoint of an outstanding epoch came to nothing; its frames leave
 * with the next commit
 * @epoch: the epoch
 *
 * Return: also -EPROTO (it is not outstanding), -EOPNOTSUPP (not with this module).
 */
int outcommit_abort(struct outcommit *c, const char *domain, uint64_t epoch,
		    struct outcommit_error *err);

/**
 * outcommit_discard() - drop everything that is not committed and go on holding
 * @epoch: the epoch that is open as far as the caller knows, the last closed one plus one: if it
 *   is another one by the time the request arrives, it comes too late, and is refused; 0: any
 * @open: the open epoch
 *
 * Return: also -EPROTO (@epoch is not open).
 */
int outcommit_discard(struct outcommit *c, const char *domain, uint64_t *open,
		      struct outcommit_error *err);
int outcommit_discard_epoch(struct outcommit *c, const char *domain, uint64_t epoch, uint64_t *open,
			    struct outcommit_error *err);

/**
 * outcommit_release() - end protection: everything held leaves, in order, and the domain is
 * passing again
 * @epoch: as for outcommit_discard()
 *
 * Return: also -EPROTO (@epoch is not open).
 */
int outcommit_release(struct outcommit *c, const char *domain, struct outcommit_error *err);
int outcommit_release_epoch(struct outcommit *c, const char *domain, uint64_t epoch,
			    struct outcommit_error *err);

/**
 * outcommit_limit() - set the byte limit of every vif of the domain
 * @limit_bytes: the limit
 */
int outcommit_limit(struct outcommit *c, const char *domain, uint64_t limit_bytes,
		    struct outcommit_error *err);

/**
 * outcommit_status() - a domain's state, or the daemon's
 * @domain: name of the domain, or NULL for the daemon
 * @reply: fields as docs/protocol.md has them, to be freed with outcommit_reply_free(); see
 *   struct outcommit_block
 */
int outcommit_status(struct outcommit *c, const char *domain, struct outcommit_reply **reply,
		     struct outcommit_error *err);

/**
 * outcommit_list() - the names of all domains, in byte order
 * @each: called for each; it may use @c; a result that is not 0 ends the list
 * @arg: handed to @each
 * @err: what went wrong; untouched if @each ended it
 *
 * Return: 0, an error, or what @each gave. However many there are, memory for 256 names is in use
 * at most.
 */
int outcommit_list(struct outcommit *c, int (*each)(const char *domain, void *arg), void *arg,
		   struct outcommit_error *err);

/**
 * outcommit_check() - what the daemon runs on: MODULE, MODULE_VERSION, CONFIG
 * @reply: the fields, to be freed with outcommit_reply_free()
 */
int outcommit_check(struct outcommit *c, struct outcommit_reply **reply,
		    struct outcommit_error *err);

/**
 * outcommit_reload() - read the configuration again
 * @err: what went wrong; its message names file and line, and the old configuration stays in force
 */
int outcommit_reload(struct outcommit *c, struct outcommit_error *err);

/**
 * outcommit_version() - the daemon's version and that of its protocol
 * @version: takes the version, cut if there is no room
 * @size: room at @version in bytes
 * @protocol: the protocol's version
 */
int outcommit_version(struct outcommit *c, char *version, size_t size, unsigned int *protocol,
		      struct outcommit_error *err);

/* ---- Events ---- */

/**
 * outcommit_monitor() - turn this connection into one that brings events
 * @c: the connection; from now on requests with a wait are refused on it (-EBUSY): use another
 *   one for them
 * @err: what went wrong
 */
int outcommit_monitor(struct outcommit *c, struct outcommit_error *err);

/**
 * outcommit_next_event() - wait for the next event
 * @c: a connection that monitors; to be read by one thread
 * @timeout_ms: how long to wait, in milliseconds; 0: not at all; negative: without limit
 * @event: the event, to be freed with outcommit_reply_free()
 *
 * If the connection is lost and outcommit_set_retry() is on, it is made anew within the request's
 * time, and the event is "resync": what follows is everything that exists, then "end".
 *
 * Return: 0, -EAGAIN (none in that time), -EINVAL (the connection does not monitor), -ENOTCONN,
 * -EBADMSG, -ENOMEM, or what the daemon answered when asked again.
 */
int outcommit_next_event(struct outcommit *c, int timeout_ms, struct outcommit_reply **event);

#ifdef __cplusplus
}
#endif

#endif
