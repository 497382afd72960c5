/* plugin.c: a plug-in with two nodes, an image filter and a replacement of Stage A.
 *
 *   cc -shared -fPIC -Iinclude crates/capi/examples/c/plugin.c -o libacme.so
 *   wuerst run graphs/text-to-image.yaml --plugin ./libacme.so --use vqgan=acme.vqgan \
 *       --set prompt="a red apple" -o image=apple.png
 */
#include <stdlib.h>
#include "wuerst.h"

static const wst_api *wst;

/* The first error of several calls; the others are freed. */
static wst_error *first(wst_error *a, wst_error *b)
{
    if (!a)
        return b;
    wst->error_free(b);
    return a;
}

static wst_error *tensor_argument(const wst_call *call, size_t index, wst_tensor *out)
{
    const wst_value *value;
    wst_error *error = wst->call_argument(call, index, &value);
    return error ? error : wst->value_as_tensor(value, out);
}

static wst_error *tensor_result(wst_call *call, size_t index, const wst_tensor *tensor)
{
    wst_value *value = NULL;
    wst_error *error = wst->value_tensor(tensor, &value);
    if (!error)
        error = wst->call_result(call, index, value);
    wst->value_free(value);
    return error;
}

/* acme.negative: every byte mixed with its complement. */
static wst_error *negative(void *user, wst_call *call)
{
    wst_tensor image;
    const wst_value *value;
    double amount;
    size_t i, bytes;
    unsigned char *out;
    const unsigned char *in;
    wst_error *error = tensor_argument(call, 0, &image);
    (void)user;
    if (error || (error = wst->call_argument(call, 1, &value)) || (error = wst->value_as_float(value, &amount)))
        return error;
    in = (const unsigned char *)image.data;
    bytes = (size_t)(image.shape[0] * image.shape[1] * image.shape[2]);
    out = (unsigned char *)malloc(bytes ? bytes : 1);
    if (!out)
        return wst->error_new(WST_OUT_OF_MEMORY, wst_str_of("no memory for the picture"));
    for (i = 0; i < bytes; i++)
        out[i] = (unsigned char)(in[i] * (1.0 - amount) + (255 - in[i]) * amount + 0.5);
    image.data = out;
    error = tensor_result(call, 0, &image);
    free(out);
    return error;
}

static float unit(float x) { return x < 0.f ? 0.f : x > 1.f ? 1.f : x; }

/* acme.vqgan: each colour is a weighted sum of the four channels of the latents, four times as large. */
static wst_error *vqgan(void *user, wst_call *call)
{
    static const float weights[3][4] = {
        {.22f, .09f, -.05f, .13f}, {.2f, -.06f, .12f, -.04f}, {.18f, .03f, -.14f, -.1f}};
    wst_tensor latents, image, pixels;
    int64_t shape[3], rows, columns, y, x;
    size_t cells, at;
    int colour, channel;
    const float *z;
    float *rgb;
    unsigned char *bytes;
    wst_error *error = tensor_argument(call, 0, &latents);
    (void)user;
    if (error)
        return error;
    z = (const float *)latents.data;
    rows = latents.shape[2];
    columns = latents.shape[3];
    cells = (size_t)(rows * columns);
    rgb = (float *)malloc(cells * 48 * sizeof *rgb + 1);
    bytes = (unsigned char *)malloc(cells * 48 + 1);
    if (!rgb || !bytes)
        error = wst->error_new(WST_OUT_OF_MEMORY, wst_str_of("no memory for the picture"));
    for (y = 0; !error && y < rows * 4; y++) {
        if (y % 4 == 0 && !wst->call_step(call, (uint32_t)(y / 4), (uint32_t)rows))
            break;
        for (x = 0; x < columns * 4; x++)
            for (colour = 0; colour < 3; colour++) {
                float sum = .5f;
                for (channel = 0; channel < 4; channel++)
                    sum += weights[colour][channel] * z[(size_t)channel * cells + (size_t)(y / 4 * columns + x / 4)];
                at = (size_t)((y * columns * 4 + x) * 3 + colour);
                rgb[at] = unit(sum);
                bytes[at] = (unsigned char)(rgb[at] * 255.f + .5f);
            }
    }
    shape[0] = rows * 4;
    shape[1] = columns * 4;
    shape[2] = 3;
    image.dtype = WST_U8;
    image.rank = 3;
    image.shape = shape;
    image.data = bytes;
    pixels = image;
    pixels.dtype = WST_F32;
    pixels.data = rgb;
    if (!error)
        error = first(tensor_result(call, 0, &image), tensor_result(call, 1, &pixels));
    free(rgb);
    free(bytes);
    return error;
}

WST_PLUGIN(api, plugin)
{
    wst_node_kind filter = WST_NODE_KIND_INIT, stage = WST_NODE_KIND_INIT;
    wst_error *error;
    wst = api;
    filter.kind = wst_str_of("acme.negative");
    filter.signature = wst_str_of("image: u8[h,w,3], amount: float = 1.0 {0.0..1.0} -> image: u8[h,w,3]");
    filter.about = wst_str_of("Turns colours into their complements.");
    filter.ports = wst_str_of("amount: 0 leaves the picture as it is.");
    filter.run = negative;
    /* The ports of wuerst.vqgan_decode, so that graphs need no other change; the model is not used. */
    stage.kind = wst_str_of("acme.vqgan");
    stage.signature =
        wst_str_of("latents: f32[1,4,H,W], model: model? -> image: u8[h,w,3], pixels: f32[h,w,3]");
    stage.about = wst_str_of("Stage A without a network: a linear map from latents to colours.");
    stage.run = vqgan;
    error = api->add(plugin, &filter);
    return error ? error : api->add(plugin, &stage);
}
