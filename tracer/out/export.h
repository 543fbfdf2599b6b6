/* SPDX-License-Identifier: MIT */
/*
 * The family of exports: a finished model in a format that other programs read. Like the outputs of out.h, each
 * writes to a stream and returns 0 or a negative errno; a new one is a file here, a line here and a line in
 * the table of cmd/export.c.
 *
 * Text of the target is written as the report shows it, with visible escapes (base/escape.h), and on top of that
 * quoted as the format wants it: valid UTF-8 without control characters everywhere.
 */
#ifndef TRACER_OUT_EXPORT_H
#define TRACER_OUT_EXPORT_H

#include <stdio.h>

#include "model/finding.h"
#include "model/model.h"

int export_perfetto(const struct model *m, const struct findings *f, FILE *to);
int export_chrome(const struct model *m, const struct findings *f, FILE *to);
int export_sqlite(const struct model *m, const struct findings *f, FILE *to);
int export_dot(const struct model *m, const struct findings *f, FILE *to);
int export_mermaid(const struct model *m, const struct findings *f, FILE *to);

#endif
