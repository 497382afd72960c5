/* What an OpenFX host offers to effects: clips, images, parameters, progress and messages. */
#include "ofx_properties.h"

typedef struct { char name[64]; const char *type; set props; char text[256]; double number; } param;
typedef struct effect effect;
typedef struct { effect *owner; char name[32]; set props; } clip;
struct effect {
    uint32_t magic;
    set props;
    int params, clips;
    param param[32];
    clip clip[4];
};

static int images_out, aborts_asked, abort_after = -1, runs, updates, message_count;
static double last_fraction;
static char message[1024];

/* What the output clip and the source clip give. */
static struct { uint8_t *data; int width, height, row, depth, components, x, y; } output, source;

static effect *good(void *handle)
{
    effect *e = handle;
    CHECK(e && e->magic == MAGIC, "a bad handle of an effect");
    return e;
}

static int get_property_set(void *e, set **out) { *out = &good(e)->props; return OK; }
static int get_param_set(void *e, void **out) { *out = good(e); return OK; }

static int clip_define(void *handle, const char *name, set **out)
{
    effect *e = good(handle);
    clip *c = &e->clip[e->clips++];
    c->owner = e, c->props.magic = MAGIC;
    snprintf(c->name, sizeof c->name, "%s", name);
    if (out) *out = &c->props;
    return OK;
}

static int clip_handle(void *handle, const char *name, clip **out, set **props)
{
    effect *e = good(handle);
    for (int i = 0; i < e->clips; i++)
        if (!strcmp(e->clip[i].name, name)) {
            *out = &e->clip[i];
            if (props) *props = &e->clip[i].props;
            return OK;
        }
    return UNKNOWN;
}

static int clip_properties(clip *c, set **out) { *out = &c->props; return OK; }

static int clip_image(clip *c, double time, const double *region, set **out)
{
    (void)time, (void)region;
    int is_output = !strcmp(c->name, "Output");
    set *image = calloc(1, sizeof *image);
    image->magic = MAGIC;
    int width = is_output ? output.width : source.width, height = is_output ? output.height : source.height;
    int x = is_output ? output.x : source.x, y = is_output ? output.y : source.y;
    set_pointer(image, "OfxImagePropData", 0, is_output ? output.data : source.data);
    set_int(image, "OfxImagePropRowBytes", 0, is_output ? output.row : source.row);
    int bounds[4] = {x, y, x + width, y + height};
    for (int i = 0; i < 4; i++) set_int(image, "OfxImagePropBounds", i, bounds[i]);
    set_string(image, "OfxImageEffectPropPixelDepth", 0,
               (is_output ? output.depth : source.depth) == 4 ? "OfxBitDepthFloat" : "OfxBitDepthByte");
    set_string(image, "OfxImageEffectPropComponents", 0,
               (is_output ? output.components : source.components) == 4 ? "OfxImageComponentRGBA"
                                                                        : "OfxImageComponentRGB");
    images_out++;
    *out = image;
    return OK;
}

static int release_image(set *image)
{
    CHECK(image && image->magic == MAGIC, "an image that was given back before");
    image->magic = 0;
    images_out--;
    return OK;
}

static int clip_region(clip *c, double time, double *out)
{
    (void)time, (void)c;
    double rect[4] = {0, 0, source.width, source.height};
    memcpy(out, rect, sizeof rect);
    return OK;
}

static int aborted(void *e)
{
    good(e);
    return abort_after >= 0 && aborts_asked++ >= abort_after;
}

static struct { void *functions[13]; } effect_suite;

static int param_define(void *handle, const char *type, const char *name, set **out)
{
    effect *e = good(handle);
    CHECK(e->params < 32, "too many parameters");
    for (int i = 0; i < e->params; i++) CHECK(strcmp(e->param[i].name, name), "two parameters are called %s", name);
    param *p = &e->param[e->params++];
    p->type = strdup(type), p->props.magic = MAGIC;
    snprintf(p->name, sizeof p->name, "%s", name);
    *out = &p->props;
    return OK;
}

static param *found(effect *e, const char *name)
{
    for (int i = 0; i < e->params; i++)
        if (!strcmp(e->param[i].name, name)) return &e->param[i];
    return NULL;
}

static int param_handle(void *handle, const char *name, param **out, set **props)
{
    param *p = found(good(handle), name);
    if (!p) return UNKNOWN;
    *out = p;
    if (props) *props = &p->props;
    return OK;
}

static int param_value_at(param *p, double time, ...)
{
    (void)time;
    va_list list;
    va_start(list, time);
    void *to = va_arg(list, void *);
    va_end(list);
    if (!strcmp(p->type, "OfxParamTypeString")) *(char **)to = p->text;
    else if (!strcmp(p->type, "OfxParamTypeDouble")) *(double *)to = p->number;
    else *(int *)to = (int)p->number;
    return OK;
}

static struct { void *functions[18]; } parameter_suite;

static int progress_start(void *e, const char *label)
{
    good(e);
    CHECK(label && *label, "no label");
    runs++, last_fraction = 0;
    return OK;
}
static int progress_update(void *e, double fraction)
{
    good(e);
    CHECK(fraction >= last_fraction && fraction <= 1, "progress %g after %g", fraction, last_fraction);
    last_fraction = fraction, updates++;
    return OK;
}
static int progress_end(void *e) { good(e); return OK; }
static struct { void *functions[3]; } progress_suite;

static int say(void *e, const char *type, const char *id, const char *format, ...)
{
    good(e), (void)id;
    CHECK(!strcmp(type, "OfxMessageError"), "a message of the type %s", type);
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    message_count++;
    return OK;
}
static int clear(void *e) { good(e); message[0] = 0; return OK; }
static struct { void *functions[3]; } message_suite;

static const void *fetch(set *host, const char *name, int version)
{
    CHECK(host && host->magic == MAGIC, "the host's own handle is not given back");
    if (version == 1 && !strcmp(name, "OfxPropertySuite")) return &property_suite;
    if (version == 1 && !strcmp(name, "OfxImageEffectSuite")) return &effect_suite;
    if (version == 1 && !strcmp(name, "OfxParameterSuite")) return &parameter_suite;
    if (version == 1 && !strcmp(name, "OfxProgressSuite")) return &progress_suite;
    if (version == 2 && !strcmp(name, "OfxMessageSuite")) return &message_suite;
    return NULL;
}
