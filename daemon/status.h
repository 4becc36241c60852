/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a domain, a vif and the daemon look like in replies and events. The fields are those of docs/protocol.md. */
#ifndef OUTCOMMITD_STATUS_H
#define OUTCOMMITD_STATUS_H

#include "domain.h"
#include "wire.h"

struct manager;

void status_add_daemon(struct wire_buf *reply, struct manager *mgr);
void status_add_module(struct wire_buf *reply, const struct manager *mgr);
/* The whole picture, with counts from the kernel. */
void status_add_domain(struct wire_buf *reply, struct manager *mgr, const struct domain *domain);

/* What events carry. */
void status_add_domain_brief(struct wire_buf *reply, const struct domain *domain);
void status_add_vif_brief(struct wire_buf *reply, const struct domain *domain, const struct vif *vif);

#endif
