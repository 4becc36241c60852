/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a domain, a vif and the daemon look like in replies and events. The fields are those of docs/protocol.md. */
#ifndef OUTCOMMITD_STATUS_H
#define OUTCOMMITD_STATUS_H

#include "config.h"
#include "plug.h"
#include "wire.h"

struct manager;

void status_add_daemon(struct wire_buf *reply, struct manager *mgr);
void status_add_module(struct wire_buf *reply, const struct manager *mgr);
/* The whole picture, with counts from the kernel. */
void status_add_domain(struct wire_buf *reply, struct manager *mgr, const struct domain *domain);

/*
 * The counts of each of its vifs, to @vifs, which has room for all; what was sent and dropped, plugs that were replaced included. Returns the age
 * of the oldest hold, or 0.
 */
uint64_t status_read_vifs(struct manager *mgr, const struct domain *domain, struct plug_status *vifs);
void status_add_vif_counts(struct wire_buf *reply, const struct vif *vif, const struct plug_status *status);

/* What events carry. */
void status_add_domain_brief(struct wire_buf *reply, const struct config *config, const struct domain *domain);
/* Of that, where its epochs stand. */
void status_add_domain_stand(struct wire_buf *reply, const struct domain *domain);
void status_add_vif_brief(struct wire_buf *reply, const struct domain *domain, const struct vif *vif);

#endif
