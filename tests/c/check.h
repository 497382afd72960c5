/* check.h: what the C tests share. A check that does not hold is printed; main returns `wrong`. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wuerst.h"

static int wrong;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
            wrong = 1;                                                          \
        }                                                                       \
    } while (0)

/* Whether a call succeeded. Prints what it said otherwise. */
static int good(wst_error *error)
{
    if (error)
        printf("code %u: %s\n", (unsigned)wst_error_code(error), wst_error_message(error).data);
    wst_error_free(error);
    return error == NULL;
}

/* Whether a call failed with this code and with a message that has this part. Frees the error. */
static int fails(wst_error *error, wst_code code, const char *part)
{
    wst_str message = wst_error_message(error);
    int right = wst_error_code(error) == code && strstr(message.data, part) && strlen(message.data) == message.len;
    if (!right)
        printf("code %u: %s\n", (unsigned)wst_error_code(error), message.data);
    wst_error_free(error);
    return right;
}

static wst_str text(const char *characters)
{
    return wst_str_of(characters);
}

static int is(wst_str view, const char *characters)
{
    return view.len == strlen(characters) && memcmp(view.data, characters, view.len) == 0;
}

/* Whether a text, which no NUL ends, has this part. */
static int holds(wst_str in, const char *part)
{
    size_t at, len = strlen(part);
    for (at = 0; at + len <= in.len; at++)
        if (memcmp(in.data + at, part, len) == 0)
            return 1;
    return 0;
}

/* Not every test needs each of them. */
static inline void check_uses(void)
{
    (void)good;
    (void)fails;
    (void)text;
    (void)is;
    (void)holds;
}

#endif
