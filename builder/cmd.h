/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs of rehome. Each gets its own arguments (argv[0] is "rehome VERB", fit for getopt and
 * for messages) and returns the exit status: 0 done, 1 failed or refused, 2 wrong usage;
 * of write also 3: refused, and nothing was written.
 */
#pragma once

#include <stdbool.h>

#define RH_VERSION "0.1.0"

int rh_cmd_check(int argc, char **argv);
int rh_cmd_build(int argc, char **argv);
int rh_cmd_rehearse(int argc, char **argv);
int rh_cmd_stick(int argc, char **argv);
int rh_cmd_tree(int argc, char **argv);
int rh_cmd_write(int argc, char **argv);
int rh_cmd_verify(int argc, char **argv);

/* The number of an open descriptor for --progress-fd, or -1 with a message of VERB ("rehome
 * write"). */
int rh_descriptor_option(const char *verb, const char *text);

/* rehome verify PAIR --against OTHER (cmd_against.c); returns the exit status. */
int rh_cmd_against(const char *pair, const char *other, bool json, bool quiet);

/* rehearse --boot-matrix, once the options are read. */
struct rh_matrix_options;
int rh_cmd_matrix(const struct rh_matrix_options *o, bool json, int progress_fd);
