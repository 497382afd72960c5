/* What every property of OpenFX is called, and the sets of them that an OpenFX host and its effects tell each
 * other in. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, FAILED = 1, UNKNOWN = 5, BAD_HANDLE = 9, NO = 13, DEFAULT = 14 };

typedef union { void *p; char *s; double d; int i; } item;
typedef struct { const char *name; char type; int count; item items[8]; } property;
typedef struct set { uint32_t magic; int count; property properties[48]; } set;
#define MAGIC 0x77757273u

static void fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "ofx_host: ");
    vfprintf(stderr, format, list);
    fprintf(stderr, "\n");
    exit(1);
}
#define CHECK(good, ...) do { if (!(good)) fail(__VA_ARGS__); } while (0)

static const struct { const char *name; char type; } known[] = {
    {"OfxPropLabel", 's'}, {"OfxPropTime", 'd'}, {"OfxPropInstanceData", 'p'}, {"OfxPropPluginDescription", 's'},
    {"OfxImageEffectPluginPropGrouping", 's'}, {"OfxImageEffectPropSupportedContexts", 's'},
    {"OfxImageEffectPropSupportedPixelDepths", 's'}, {"OfxImageEffectPropSupportedComponents", 's'},
    {"OfxImageEffectPropSupportsTiles", 'i'}, {"OfxImageEffectPropSupportsMultiResolution", 'i'},
    {"OfxImageEffectPluginRenderThreadSafety", 's'}, {"OfxImageEffectPluginPropHostFrameThreading", 'i'},
    {"OfxImageEffectPropProjectExtent", 'd'}, {"OfxImageEffectPropProjectOffset", 'd'},
    {"OfxImageEffectPropProjectSize", 'd'}, {"OfxImageEffectPropRegionOfDefinition", 'd'},
    {"OfxImageEffectPropRenderScale", 'd'}, {"OfxImageEffectPropRenderWindow", 'i'},
    {"OfxImageClipPropRoI_Source", 'd'}, {"OfxImageEffectPropPixelDepth", 's'},
    {"OfxImageEffectPropComponents", 's'}, {"OfxImagePropData", 'p'}, {"OfxImagePropRowBytes", 'i'},
    {"OfxImagePropBounds", 'i'}, {"OfxParamPropHint", 's'}, {"OfxParamPropAnimates", 'i'},
    {"OfxParamPropStringMode", 's'}, {"OfxParamPropChoiceOption", 's'},
    /* The type of these is the parameter's. */
    {"OfxParamPropDefault", '*'}, {"OfxParamPropMin", '*'}, {"OfxParamPropMax", '*'},
    {"OfxParamPropDisplayMin", '*'}, {"OfxParamPropDisplayMax", '*'},
};

static property *at(set *props, const char *name, char type, int make)
{
    CHECK(props && props->magic == MAGIC, "a bad handle for the property %s", name);
    char wanted = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name)) wanted = known[i].type;
    CHECK(wanted, "OpenFX has no property %s, or none that this host knows", name);
    CHECK(wanted == '*' || wanted == type, "the property %s is not of the type %c", name, type);
    for (int i = 0; i < props->count; i++)
        if (!strcmp(props->properties[i].name, name)) {
            CHECK(props->properties[i].type == type, "%s has two types", name);
            return &props->properties[i];
        }
    if (!make) return NULL;
    CHECK(props->count < 48, "too many properties");
    property *p = &props->properties[props->count++];
    p->name = strdup(name), p->type = type, p->count = 0;
    return p;
}

static int put(set *props, const char *name, char type, int index, item value)
{
    property *p = at(props, name, type, 1);
    CHECK(index >= 0 && index < 8, "%s has no index %d", name, index);
    CHECK(type != 's' || value.s, "%s is set to NULL", name);
    if (type == 's') value.s = strdup(value.s);
    p->items[index] = value;
    if (p->count <= index) p->count = index + 1;
    return OK;
}

static int take(set *props, const char *name, char type, int index, item *out)
{
    property *p = at(props, name, type, 0);
    if (!p || index >= p->count) return UNKNOWN;
    *out = p->items[index];
    return OK;
}

#define ACCESS(what, letter, field, ctype, settype) \
    static int set_##what(set *s, const char *n, int i, settype v) \
    { \
        item it; \
        memset(&it, 0, sizeof it); \
        it.field = (ctype)v; \
        return put(s, n, letter, i, it); \
    } \
    static int get_##what(set *s, const char *n, int i, ctype *o) \
    { \
        item it; \
        int r = take(s, n, letter, i, &it); \
        if (!r) *o = it.field; \
        return r; \
    }
ACCESS(pointer, 'p', p, void *, void *)
ACCESS(string, 's', s, char *, const char *)
ACCESS(double, 'd', d, double, double)
ACCESS(int, 'i', i, int, int)

static int none(void) { fail("a function of the property suite that this host lacks"); return FAILED; }

static struct { void *functions[18]; } property_suite;
