/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reply to "metrics": what was counted, with what the kernel counts beside it. The fields are those of docs/protocol.md. */
#ifndef OUTCOMMITD_METRICS_REPLY_H
#define OUTCOMMITD_METRICS_REPLY_H

#include "domain.h"
#include "wire.h"

struct manager;

void metrics_add_domain(struct wire_buf *reply, struct manager *mgr, const struct domain *domain);
/* The daemon itself, unless @after names a domain, and as many domains behind that as fit and do not keep others waiting. */
void metrics_add_page(struct wire_buf *reply, struct manager *mgr, const char *after);

#endif
