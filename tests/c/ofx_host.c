/* A small OpenFX host: loads a library of effects, describes all, and renders with two as strictly as it can.
 *
 *   ofx_host wuerst.ofx PICTURE PROMPT SEED     PICTURE: 64x64 RGB bytes that the generator must make
 *
 * Every property that the effects touch must be one of OpenFX's, of its type; every handle must be good; what is
 * fetched must be given back. Prints what it did; ends with 1 at the first mistake. Declarations are of OpenFX 1.4. */
#include <dlfcn.h>
#include <math.h>
#include <time.h>

#include "ofx_suites.h"

typedef struct { set *host; const void *(*fetch)(set *, const char *, int); } ofx_host;
typedef struct {
    const char *api; int version; const char *identifier; unsigned major, minor;
    void (*set_host)(ofx_host *);
    int (*entry)(const char *, const void *, set *, set *);
} plugin;

static set *blank(void) { set *s = calloc(1, sizeof *s); s->magic = MAGIC; return s; }

static effect *described(plugin *p, const char *context)
{
    effect *e = calloc(1, sizeof *e);
    e->magic = e->props.magic = MAGIC;
    CHECK(p->entry("OfxActionDescribe", e, NULL, NULL) == OK, "%s: describe", p->identifier);
    set *given = blank();
    (void)context;
    CHECK(p->entry("OfxImageEffectActionDescribeInContext", e, given, NULL) == OK, "%s: describe in context",
          p->identifier);
    return e;
}

/* An instance has the descriptor's clips and parameters, at their defaults. */
static effect *created(plugin *p, int width, int height)
{
    effect *e = described(p, NULL);
    double size[2] = {width, height};
    for (int i = 0; i < 2; i++) {
        set_double(&e->props, "OfxImageEffectPropProjectSize", i, size[i]);
        set_double(&e->props, "OfxImageEffectPropProjectExtent", i, size[i]);
        set_double(&e->props, "OfxImageEffectPropProjectOffset", i, 0);
    }
    for (int i = 0; i < e->params; i++) {
        param *q = &e->param[i];
        char *text;
        int whole;
        if (!strcmp(q->type, "OfxParamTypeString")) {
            if (!get_string(&q->props, "OfxParamPropDefault", 0, &text)) snprintf(q->text, sizeof q->text, "%s", text);
        } else if (!strcmp(q->type, "OfxParamTypeDouble")) {
            CHECK(!get_double(&q->props, "OfxParamPropDefault", 0, &q->number), "%s has no default", q->name);
        } else {
            CHECK(!get_int(&q->props, "OfxParamPropDefault", 0, &whole), "%s has no default", q->name);
            q->number = whole;
        }
    }
    CHECK(p->entry("OfxActionCreateInstance", e, NULL, NULL) == OK, "%s: create", p->identifier);
    return e;
}

static void set_text(effect *e, const char *name, const char *text)
{
    param *p = found(e, name);
    CHECK(p && !strcmp(p->type, "OfxParamTypeString"), "no text %s", name);
    snprintf(p->text, sizeof p->text, "%s", text);
}

static void set_number(effect *e, const char *name, double number)
{
    param *p = found(e, name);
    CHECK(p && strcmp(p->type, "OfxParamTypeString"), "no number %s", name);
    p->number = number;
}

static void canvas(int width, int height, int depth, int components)
{
    free(output.data);
    /* Rows longer than they need be, as hosts have them; and filled, so that what is not written shows. */
    output.row = width * depth * components + 64;
    output.width = width, output.height = height, output.depth = depth, output.components = components;
    output.x = output.y = 0;
    output.data = malloc((size_t)output.row * (size_t)height);
    memset(output.data, 0xAB, (size_t)output.row * (size_t)height);
}

static int render(plugin *p, effect *e, int x1, int y1, int x2, int y2, double scale)
{
    set *given = blank();
    set_double(given, "OfxPropTime", 0, 1);
    int window[4] = {x1, y1, x2, y2};
    for (int i = 0; i < 4; i++) set_int(given, "OfxImageEffectPropRenderWindow", i, window[i]);
    for (int i = 0; i < 2; i++) set_double(given, "OfxImageEffectPropRenderScale", i, scale);
    int status = p->entry("OfxImageEffectActionRender", e, given, NULL);
    CHECK(images_out == 0, "%d images were not given back", images_out);
    return status;
}

static plugin *named(plugin **plugins, int count, const char *identifier)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(plugins[i]->identifier, identifier)) return plugins[i];
    fail("there is no effect %s", identifier);
    return NULL;
}

static uint8_t *pixel(int x, int y)
{
    return output.data + (size_t)output.row * (size_t)y + x * output.depth * output.components;
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void generator(plugin *p, const uint8_t *picture, const char *prompt, int seed)
{
    effect *e = created(p, 64, 64);
    set_text(e, "prompt", prompt);
    set_number(e, "seed", seed);

    set *given = blank(), *wanted = blank();
    set_double(given, "OfxPropTime", 0, 1);
    CHECK(p->entry("OfxImageEffectActionGetRegionOfDefinition", e, given, wanted) == OK, "region of definition");
    double right;
    CHECK(!get_double(wanted, "OfxImageEffectPropRegionOfDefinition", 2, &right) && right == 64,
          "the region is the project");

    canvas(64, 64, 1, 4);
    double begun = milliseconds();
    CHECK(render(p, e, 0, 0, 64, 64, 1) == OK, "render: %s", message);
    printf("generator: the first frame took %.0f ms, models loaded on the way\n", milliseconds() - begun);
    CHECK(runs == 1 && !message[0], "there was one run, and no message");
    int off = 0;
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 64; x++)
            for (int c = 0; c < 3; c++)
                off |= pixel(x, y)[c] != picture[((63 - y) * 64 + x) * 3 + c]; /* rows go up */
    CHECK(!off, "the frame is not the command's picture");
    printf("generator: the command's picture, byte for byte; %d updates of progress\n", updates);

    uint8_t *whole = output.data;
    output.data = NULL;
    runs = 0;
    canvas(64, 64, 1, 4);
    begun = milliseconds();
    for (int y = 0; y < 64; y += 16)
        for (int x = 0; x < 64; x += 32) CHECK(render(p, e, x, y, x + 32, y + 16, 1) == OK, "tile: %s", message);
    double took = milliseconds() - begun;
    for (int y = 0; y < 64; y++)
        CHECK(!memcmp(pixel(0, y), whole + (size_t)output.row * (size_t)y, 256), "tiles differ");
    CHECK(runs == 0, "the picture was made again");
    canvas(64, 64, 1, 4);
    CHECK(render(p, e, 8, 8, 16, 16, 1) == OK && pixel(7, 8)[0] == 0xAB && pixel(16, 8)[0] == 0xAB,
          "more than the window was written");
    printf("generator: 8 tiles are the whole, without another run, in %.1f ms\n", took);

    canvas(64, 64, 4, 4);
    CHECK(render(p, e, 0, 0, 64, 64, 1) == OK, "floats: %s", message);
    double worst = 0;
    for (int x = 0; x < 64; x++) {
        double coded = whole[(size_t)(64 * 4 + 64) * 32 + x * 4] / 255.0, got;
        double linear = coded <= 0.04045 ? coded / 12.92 : pow((coded + 0.055) / 1.055, 2.4);
        float value;
        memcpy(&value, pixel(x, 32), 4);
        got = value;
        worst = fmax(worst, fabs(got - linear));
    }
    CHECK(worst < 1e-5, "floats are off by %g", worst);
    canvas(32, 32, 4, 3);
    CHECK(render(p, e, 0, 0, 32, 32, 0.5) == OK, "half the scale: %s", message);
    float corner;
    memcpy(&corner, pixel(0, 0), 4);
    CHECK(corner > 0.5 && runs == 0, "half the scale is another picture");
    printf("generator: floats in linear light within %.0e; half the scale; no further run\n", worst);

    set_number(e, "seed", seed + 1);
    set_text(e, "steps", "400"); /* so that it is not done before the host is asked */
    abort_after = 1, aborts_asked = 0;
    canvas(64, 64, 1, 4);
    CHECK(render(p, e, 0, 0, 64, 64, 1) == OK && pixel(0, 0)[0] == 0xAB, "an aborted render writes nothing");
    abort_after = -1;
    set_text(e, "steps", "");
    CHECK(render(p, e, 0, 0, 64, 64, 1) == OK && pixel(0, 0)[0] != 0xAB, "after an abort: %s", message);
    printf("generator: aborted, and good again\n");

    set_text(e, "width", "63");
    CHECK(render(p, e, 0, 0, 64, 64, 1) == FAILED && strstr(message, "63"), "a wrong width: %s", message);
    printf("generator: a wrong width: %s\n", message);
    set_text(e, "width", "");
    CHECK(render(p, e, 0, 0, 64, 64, 1) == OK && !message[0], "the message goes");
    CHECK(p->entry("OfxActionPurgeCaches", e, NULL, NULL) == OK, "purge");
    CHECK(render(p, e, 0, 0, 64, 64, 1) == OK, "after a purge");
    CHECK(p->entry("OfxActionDestroyInstance", e, NULL, NULL) == OK, "destroy");
    free(whole);
}

/* A frame that is wider than the picture, over grey, as a PPM file. */
static void shown(plugin *p, const char *path, const char *prompt, int seed)
{
    effect *e = created(p, 320, 180);
    set_text(e, "prompt", prompt);
    set_number(e, "seed", seed);
    canvas(320, 180, 1, 4);
    CHECK(render(p, e, 0, 0, 320, 180, 1) == OK, "a wide frame: %s", message);
    FILE *file = fopen(path, "wb");
    CHECK(file, "%s cannot be written", path);
    fprintf(file, "P6\n320 180\n255\n");
    for (int y = 179; y >= 0; y--)
        for (int x = 0; x < 320; x++)
            for (int c = 0; c < 3; c++) fputc(pixel(x, y)[c] + 128 * (255 - pixel(x, y)[3]) / 255, file);
    CHECK(fclose(file) == 0, "%s cannot be written", path);
    CHECK(p->entry("OfxActionDestroyInstance", e, NULL, NULL) == OK, "destroy");
}

static void filter(plugin *p)
{
    source.width = 96, source.height = 64, source.depth = 4, source.components = 4, source.row = 96 * 16;
    float *pixels = malloc(96 * 64 * 16);
    for (int i = 0; i < 96 * 64; i++) {
        float value[4] = {0.6f, 0.05f, 0.05f, 1};
        memcpy(pixels + 4 * i, value, 16);
    }
    source.data = (uint8_t *)pixels;
    effect *e = created(p, 96, 64);
    set_text(e, "prompt", "a red apple");
    set *given = blank(), *wanted = blank();
    set_double(given, "OfxPropTime", 0, 1);
    CHECK(p->entry("OfxImageEffectActionGetRegionsOfInterest", e, given, wanted) == OK, "regions of interest");
    double right;
    CHECK(!get_double(wanted, "OfxImageClipPropRoI_Source", 2, &right) && right == 96,
          "the filter wants the whole frame");
    canvas(96, 64, 4, 4);
    CHECK(render(p, e, 0, 0, 96, 64, 1) == OK, "filter: %s", message);
    float value[4];
    memcpy(value, pixel(48, 32), 16);
    CHECK(value[3] == 1 && value[0] > value[1] && value[0] > value[2], "a red frame stays red: %g %g %g", value[0],
          value[1], value[2]);
    printf("filter: a red frame became %.2f %.2f %.2f in its middle\n", value[0], value[1], value[2]);
    /* Runs are counted, not updates of progress: a quick one is done before the first. */
    runs = 0;
    CHECK(render(p, e, 0, 0, 96, 64, 1) == OK && runs == 0, "an equal frame was made again");
    pixels[0] = 0;
    CHECK(render(p, e, 0, 0, 96, 64, 1) == OK && runs == 1, "another frame was not made");
    CHECK(p->entry("OfxActionDestroyInstance", e, NULL, NULL) == OK, "destroy");
    free(pixels);
}

int main(int count, char **words)
{
    CHECK(count == 5 || count == 6, "ofx_host wuerst.ofx PICTURE PROMPT SEED [FRAME.ppm]");
    void *properties[] = {set_pointer, set_string, set_double, set_int, none, none, none, none,
                          get_pointer, get_string, get_double, get_int, none, none, none, none, none, none};
    memcpy(property_suite.functions, properties, sizeof properties);
    void *effects[] = {get_property_set, get_param_set, clip_define, clip_handle, clip_properties, clip_image,
                       release_image, clip_region, aborted, none, none, none, none};
    memcpy(effect_suite.functions, effects, sizeof effects);
    void *parameters[] = {param_define, param_handle, none, none, none, param_value_at};
    memcpy(parameter_suite.functions, parameters, sizeof parameters);
    void *progress[] = {progress_start, progress_update, progress_end};
    memcpy(progress_suite.functions, progress, sizeof progress);
    void *messages[] = {say, say, clear};
    memcpy(message_suite.functions, messages, sizeof messages);

    void *library = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library, "%s", dlerror());
    int (*number)(void) = (int (*)(void))(intptr_t)dlsym(library, "OfxGetNumberOfPlugins");
    plugin *(*get)(int) = (plugin * (*)(int))(intptr_t)dlsym(library, "OfxGetPlugin");
    CHECK(number && get, "no entry");
    int n = number();
    CHECK(n > 0 && n <= 32 && !get(n) && !get(-1), "%d effects", n);
    plugin *plugins[32];
    ofx_host host = {blank(), fetch};
    for (int i = 0; i < n; i++) {
        plugin *p = plugins[i] = get(i);
        CHECK(p && !strcmp(p->api, "OfxImageEffectPluginAPI") && p->version == 1, "effect %d", i);
        CHECK(p->entry("OfxActionLoad", NULL, NULL, NULL) == FAILED || i > 0, "loaded without a host");
        p->set_host(&host);
        CHECK(p->entry("OfxActionLoad", NULL, NULL, NULL) == OK, "load");
        CHECK(p->entry("OfxActionNobodyKnows", NULL, NULL, NULL) == DEFAULT, "an action that nobody knows");
        effect *e = described(p, NULL);
        char *label, *context;
        CHECK(!get_string(&e->props, "OfxPropLabel", 0, &label), "no label");
        CHECK(!get_string(&e->props, "OfxImageEffectPropSupportedContexts", 0, &context), "no context");
        printf("%s: %s, %s, %d clips, %d parameters\n", p->identifier, label, context + strlen("OfxImageEffectContext"),
               e->clips, e->params);
    }

    uint8_t picture[64 * 64 * 3];
    FILE *file = fopen(words[2], "rb");
    CHECK(file && fread(picture, 1, sizeof picture, file) == sizeof picture, "%s: not 64x64 RGB", words[2]);
    fclose(file);
    generator(named(plugins, n, "wuerst.graph.text-to-image"), picture, words[3], atoi(words[4]));
    if (count == 6) shown(named(plugins, n, "wuerst.graph.text-to-image"), words[5], words[3], atoi(words[4]));
    filter(named(plugins, n, "wuerst.graph.frame-to-frame"));
    for (int i = 0; i < n; i++) CHECK(plugins[i]->entry("OfxActionUnload", NULL, NULL, NULL) == OK, "unload");
    CHECK(dlclose(library) == 0, "dlclose");
    printf("ofx: all good\n");
    return 0;
}
