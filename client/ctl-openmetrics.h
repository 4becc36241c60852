/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sample in the text that monitoring systems read. There are two that differ in small things,
 * and no text is good for both: OpenMetrics, which Prometheus prefers to scrape, and Prometheus'
 * own older format, which the textfile collector of its node exporter wants.
 */
#ifndef OUTCOMMIT_CTL_OPENMETRICS_H
#define OUTCOMMIT_CTL_OPENMETRICS_H

#include <stdio.h>

#include "ctl-sample.h"

enum text_format {
	FORMAT_OPENMETRICS,
	FORMAT_PROMETHEUS,
};

void openmetrics_print(FILE *out, const struct sample *sample, enum text_format format);
/* Name, type and meaning of everything that there can be, for people and for tests. */
void openmetrics_describe(bool legend);

#endif
