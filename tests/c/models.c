/* models.c: models that cannot serve, each with the code that tells so; and batches.   models MODELS GRAPH
 *
 * Writes files of its own into MODELS.
 */
#include "check.h"

/* The last stage alone. */
static const char *const stage =
    "wuerstchen: 1\n"
    "inputs: { latents: 'f32[1,4,H,W]', model: model }\n"
    "nodes: { vqgan: { use: wuerst.vqgan_decode, with: { latents: $latents, model: $model } } }\n"
    "outputs: { image: $vqgan.image }\n";

static const char *folder;

static char *in_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    return path;
}

/* Writes a model that is the VQGAN's without its last bytes. */
static void write_cut(const char *name, long without)
{
    FILE *from = fopen(in_folder("vqgan-decoder"), "rb"), *into = fopen(in_folder(name), "wb");
    long size, at;

    CHECK(from && into);
    if (from && into) {
        CHECK(fseek(from, 0, SEEK_END) == 0);
        size = ftell(from);
        rewind(from);
        for (at = 0; at < size - without; at++)
            fputc(fgetc(from), into);
    }
    if (from)
        fclose(from);
    if (into)
        CHECK(fclose(into) == 0);
}

/* Puts a field that holds bytes before them: its number, twice where it takes two bytes, and their length. */
static unsigned char *field(unsigned char *begin, const unsigned char *end, const char *number)
{
    size_t length = (size_t)(end - begin), count = 1, at, tag = strlen(number);
    for (at = length; at > 127; at >>= 7)
        count++;
    begin -= count;
    for (at = 0; at < count; at++, length >>= 7)
        begin[at] = (unsigned char)((length & 127) | (at + 1 < count ? 128u : 0u));
    begin -= tag;
    memcpy(begin, number, tag);
    return begin;
}

/* Writes the VQGAN with a function that holds so many subgraphs within each other. */
static void write_nested(const char *name, int depth)
{
    static unsigned char bytes[1 << 18];
    unsigned char *const end = bytes + sizeof bytes;
    unsigned char *begin = end - 8;
    FILE *into;

    memcpy(begin, "Identity", 8);
    begin = field(begin, end, "\x22");
    while (depth-- > 0)
        begin = field(field(field(begin, end, "\x0a"), end, "\x32"), end, "\x2a");
    begin = field(field(begin, end, "\x3a"), end, "\xca\x01");
    write_cut(name, 0);
    into = fopen(in_folder(name), "ab");
    CHECK(into && fwrite(begin, 1, (size_t)(end - begin), into) == (size_t)(end - begin));
    if (into)
        CHECK(fclose(into) == 0);
}

static wst_error *image_of(wst_job *job)
{
    wst_value *image = NULL;
    wst_error *error = wst_job_get(job, text("image"), NULL, &image);
    CHECK(!image == (error != NULL));
    wst_value_free(image);
    return error;
}

/* With another model: what setting it says or, if that is nothing, what a run says. */
static wst_error *with(wst_job *job, const char *model)
{
    wst_error *error = wst_job_set_text(job, text("model"), text(model));
    return error ? error : image_of(job);
}

struct seen {
    int steps;
};

/* Deletes the model when it has been loaded. */
static void step(void *user, wst_str node, uint32_t done, uint32_t of)
{
    struct seen *seen = (struct seen *)user;
    (void)node;
    (void)of;
    if (done == 0 && seen->steps++ == 0)
        CHECK(remove(in_folder("fleeting")) == 0);
}

static void of_a_job(wst_job *job)
{
    static const int64_t shape[] = {1, 4, 4, 4};
    static float numbers[64];
    wst_tensor latents;
    wst_value *value = NULL;
    wst_digest digest;
    wst_observer observer = WST_OBSERVER_INIT;
    struct seen seen = {0};
    wst_run *run = NULL;
    wst_str output = text("image");

    latents.dtype = WST_F32;
    latents.rank = 4;
    latents.shape = shape;
    latents.data = numbers;
    CHECK(good(wst_value_tensor(&latents, &value)) && good(wst_job_set(job, text("latents"), value)));
    wst_value_free(value);
    CHECK(good(with(job, "vqgan-decoder")));

    CHECK(fails(with(job, "nowhere"), WST_NOT_FOUND, "nowhere"));
    CHECK(fails(with(job, "prior"), WST_MODEL, "is a prior, where a vqgan-decoder is expected"));
    /* The last byte belongs to the metadata; a model ends in whole fields. */
    write_cut("cut", 1);
    CHECK(fails(with(job, "cut"), WST_MODEL, "cut.onnx"));
    CHECK(fails(wst_job_digest(job, text("image"), &digest), WST_MODEL, "cut.onnx"));
    CHECK(good(wst_job_start(job, &output, 1, NULL, &run)));
    CHECK(fails(wst_run_take(run, &value, 1), WST_MODEL, "`vqgan`: model: model "));
    wst_run_free(run);
    /* A stranger's, which would end the process on the way through ONNX Runtime. */
    write_nested("nested", 5000);
    CHECK(fails(with(job, "nested"), WST_MODEL, "nested.onnx"));
    remove(in_folder("nested"));

    /* It was there when it was set, and is not when it is wanted; and the other way round. */
    write_cut("fleeting", 0);
    CHECK(good(wst_job_set_text(job, text("model"), text("fleeting"))) && remove(in_folder("fleeting")) == 0);
    CHECK(fails(image_of(job), WST_MODEL, "fleeting.onnx"));
    write_cut("fleeting", 0);
    CHECK(good(image_of(job)));
    /* Damaged in its place. */
    write_cut("fleeting", 100);
    CHECK(fails(image_of(job), WST_MODEL, "fleeting.onnx"));
    /* Deleted while it is at work, which it does not notice: it is in memory. */
    write_cut("fleeting", 0);
    observer.progress = step;
    observer.user = &seen;
    CHECK(good(wst_job_get(job, text("image"), &observer, &value)) && seen.steps > 0);
    wst_value_free(value);
    CHECK(fails(image_of(job), WST_MODEL, "fleeting.onnx"));
    CHECK(good(with(job, "vqgan-decoder")));
    remove(in_folder("cut"));
}

/* Named in the graph, it is a mistake in that line. */
static void of_a_graph(wst_engine *engine)
{
    static const char *const names[] = {"cut", "prior"};
    wst_change change = {{"vqgan.model", 11}, {NULL, 0}, NULL};
    wst_graph *graph = NULL;
    wst_error *error;
    wst_str path = {NULL, 0}, message = {NULL, 0};
    size_t at;

    write_cut("cut", 1);
    for (at = 0; at < 2; at++) {
        change.text = text(names[at]);
        error = wst_graph_new_with(engine, text(stage), &change, 1, &graph);
        CHECK(wst_error_code(error) == WST_GRAPH && wst_error_place(error, 0, NULL, NULL, &path, &message) == 1);
        CHECK(is(path, "vqgan.model") && holds(message, names[at]) && !graph);
        wst_error_free(error);
    }
    remove(in_folder("cut"));
}

struct parts {
    unsigned seen;
    wst_value *kept[2];
};

static void part(void *user, wst_str output, uint32_t index, uint32_t of, const wst_value *value)
{
    struct parts *parts = (struct parts *)user;
    CHECK(is(output, "images") && of == 2 && index == parts->seen && index < 2);
    parts->kept[parts->seen++ % 2] = wst_value_clone(value);
}

/* Two pictures, each of which is shown when it is finished. */
static void in_parts(wst_engine *engine)
{
    static const char *const several =
        "wuerstchen: 1\n"
        "inputs: { latents: 'f32[b,4,H,W]' }\n"
        "nodes: { vqgan: { use: wuerst.vqgan_decode_batch, with: { latents: $latents, model: vqgan-decoder } } }\n"
        "outputs: { images: $vqgan.images }\n";
    static const int64_t shape[] = {2, 4, 4, 4};
    static float numbers[128];
    wst_observer observer = WST_OBSERVER_INIT;
    struct parts parts = {0, {NULL, NULL}};
    wst_tensor latents, all, one;
    wst_value *value = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_str output = text("images");
    size_t at, size;

    for (at = 0; at < 128; at++)
        numbers[at] = (float)at / 64;
    latents.dtype = WST_F32;
    latents.rank = 4;
    latents.shape = shape;
    latents.data = numbers;
    CHECK(good(wst_graph_new(engine, text(several), &graph)) && good(wst_job_new(graph, &job)));
    CHECK(good(wst_value_tensor(&latents, &value)) && good(wst_job_set(job, text("latents"), value)));
    wst_value_free(value);
    observer.user = &parts;
    observer.part = part;
    /* A host that was built when there was no such field. */
    observer.struct_size = offsetof(wst_observer, part);
    CHECK(good(wst_job_get(job, output, &observer, &value)) && parts.seen == 0);
    wst_value_free(value);
    wst_engine_release(engine);
    observer.struct_size = sizeof observer;
    CHECK(good(wst_job_get(job, output, &observer, &value)) && parts.seen == 2);
    CHECK(good(wst_value_as_tensor(value, &all)) && all.rank == 4 && all.shape[0] == 2);
    for (at = 0; at < 2; at++) {
        CHECK(good(wst_value_as_tensor(parts.kept[at], &one)) && one.rank == 4 && one.shape[0] == 1);
        size = (size_t)(one.shape[1] * one.shape[2] * 3);
        CHECK(memcmp(one.data, (const uint8_t *)all.data + at * size, size) == 0);
        wst_value_free(parts.kept[at]);
    }
    wst_value_free(value);
    wst_job_free(job);
    wst_graph_free(graph);
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;

    check_uses();
    if (argc != 3)
        return 2;
    folder = argv[1];
    options.models = text(folder);
    options.cache_bytes = 1;
    CHECK(good(wst_engine_new(&options, &engine)));
    CHECK(good(wst_graph_new(engine, text(stage), &graph)));
    CHECK(good(wst_job_new(graph, &job)));
    of_a_job(job);
    of_a_graph(engine);
    in_parts(engine);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return wrong;
}
