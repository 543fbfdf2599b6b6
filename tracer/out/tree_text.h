/* SPDX-License-Identifier: MIT */
/* The tree as the report and the tree command both print it. */
#ifndef TRACER_OUT_TREE_TEXT_H
#define TRACER_OUT_TREE_TEXT_H

#include <stdio.h>

#include "out/out.h"

int print_tree(const struct model *m, const struct view *v, FILE *to);

/* One line or two: how much was seen, by whom, what was lost. */
void print_summary(const struct model *m, const struct view *v, FILE *to);

#endif
