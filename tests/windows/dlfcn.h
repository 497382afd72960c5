/* dlfcn.h: the functions of POSIX that tests/c/ofx_host.c uses, over those of Windows. */
#ifndef WUERST_TESTS_DLFCN_H
#define WUERST_TESTS_DLFCN_H

#include <stdint.h>
#include <stdio.h>
#include <windows.h>

#define RTLD_NOW 0
#define RTLD_LOCAL 0

static inline void *dlopen(const char *path, int flags)
{
    (void)flags;
    return (void *)LoadLibraryA(path);
}

static inline void *dlsym(void *library, const char *name)
{
    return (void *)(intptr_t)GetProcAddress((HMODULE)library, name);
}

static inline int dlclose(void *library)
{
    return !FreeLibrary((HMODULE)library);
}

static inline const char *dlerror(void)
{
    static char text[32];
    snprintf(text, sizeof text, "error %lu", GetLastError());
    return text;
}

#endif
