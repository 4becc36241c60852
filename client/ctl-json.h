/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON output. Each document is one line and an object with "schema_version"; what comes from a
 * reply has the protocol's names in lower case, numbers as numbers and flags as booleans. Out of
 * memory ends the program.
 */
#ifndef OUTCOMMIT_CTL_JSON_H
#define OUTCOMMIT_CTL_JSON_H

#include <jansson.h>

#include "outcommit.h"

#define JSON_SCHEMA_VERSION 1

/* An object with the schema's version in it. */
json_t *json_top(void);
void json_set_text(json_t *object, const char *key, const char *text);
void json_set_number(json_t *object, const char *key, uint64_t number);
void json_set_flag(json_t *object, const char *key, bool flag);
void json_append_number(json_t *array, uint64_t number);
/* The protocol's @key as a name here; @name has room for WIRE_KEY_MAX and a NUL. */
void json_lower(char *name, const char *key);
/* All fields of @block, added to @object. */
void json_add_block(json_t *object, const struct outcommit_block *block);
/* All fields of a reply without blocks, added to @object. */
void json_add_reply(json_t *object, const struct outcommit_reply *reply);
/* A domain's status: its own fields, then "epochs" and "vifs" as arrays. */
void json_add_domain(json_t *object, const struct outcommit_reply *status);
/* The same as an element of @array. */
void json_append_domain(json_t *array, const struct outcommit_reply *status);
/* An empty object in @array. */
json_t *json_append_object(json_t *array);
/* An empty object, and an empty array, in @object. */
json_t *json_add_object(json_t *object, const char *key);
json_t *json_add_array(json_t *object, const char *key);
/* Print @top on a line of its own, and free it. */
void json_print(json_t *top);

#endif
