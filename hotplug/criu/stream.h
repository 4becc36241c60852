/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes between the two hosts: lines of text, and after some of them a file's bytes, over any
 * two pipes. Every wait has an end, because a host that loses its power closes nothing.
 *
 *	primary				backup
 *	outcommit-criu 1 LIFE
 *					have 41		its newest checkpoint, 0: none
 *	image 42
 *	file core-1.img 862		then 862 bytes
 *	link parent ../41
 *	done
 *					ack 42		it is on stable storage
 *	stand-down
 *					stood-down	it will not be restored by mistake
 */
#ifndef CRIU_STREAM_H
#define CRIU_STREAM_H

#include <stddef.h>
#include <stdint.h>

#define STREAM_HELLO "outcommit-criu 1 "
#define STREAM_LINE_BYTES 512U

struct stream {
	int in, out;
	int timeout_ms; /* negative: without limit */
	size_t begin, end;
	char bytes[1 << 16];
};

/* Both are made non-blocking. */
int stream_open(struct stream *stream, int in, int out, int timeout_ms);
void stream_close(struct stream *stream);

/*
 * All return 0 or a negative errno: -EPIPE when the other end is gone, -ETIMEDOUT, -EBADMSG when
 * what came is too long, -EINTR when a signal came first and nothing was lost.
 */
int stream_line(struct stream *stream, char line[STREAM_LINE_BYTES], int timeout_ms);
int stream_to_file(struct stream *stream, int fd, uint64_t size);
__attribute__((format(printf, 2, 3))) int stream_say(struct stream *stream, const char *format,
						     ...);
int stream_from_file(struct stream *stream, int fd, uint64_t size);

#endif
