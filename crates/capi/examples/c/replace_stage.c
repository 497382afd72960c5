/* replace_stage.c: a node of your own in place of Stage A, without a network. Each colour is a weighted sum of the
 * latents' channels; the node has the ports of the built-in one. */
#include "example.h"

static wst_error *linear(void *user, wst_call *call)
{
    static const float weights[3][4] = {
        {.22f, .09f, -.05f, .13f}, {.2f, -.06f, .12f, -.04f}, {.18f, .03f, -.14f, -.1f}};
    int64_t shape[3] = {0, 0, 3}, i, cell, channel, width, count;
    wst_tensor latents, image = {WST_U8, 3, shape, NULL}, pixels = {WST_F32, 3, shape, NULL};
    wst_error *error = argument_tensor(call, 0, &latents);
    unsigned char *bytes;
    float *rgb;
    (void)user;
    if (error)
        return error;
    shape[0] = latents.shape[2] * 4;
    count = shape[0] * (width = shape[1] = latents.shape[3] * 4) * 3;
    pixels.data = rgb = (float *)malloc((size_t)count * (sizeof(float) + 1) + 1);
    image.data = bytes = rgb ? (unsigned char *)(rgb + count) : NULL;
    for (i = 0; rgb && i < count; i++) {
        rgb[i] = .5f;
        cell = i / 3 / width / 4 * latents.shape[3] + i / 3 % width / 4;
        for (channel = 0; channel < 4; channel++, cell += latents.shape[2] * latents.shape[3])
            rgb[i] += weights[i % 3][channel] * ((const float *)latents.data)[cell];
        rgb[i] = rgb[i] < 0.f ? 0.f : rgb[i] > 1.f ? 1.f : rgb[i];
        bytes[i] = (unsigned char)(rgb[i] * 255.f + .5f);
    }
    if (!(error = result_tensor(call, 0, &image)))
        error = result_tensor(call, 1, &pixels);
    free(rgb);
    return error;
}

int main(void)
{
    const wst_change change = {wst_str_of("vqgan"), wst_str_of("example.linear"), NULL};
    char yaml[16384];
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL;
    wst_tensor image;
    node.kind = wst_str_of("example.linear");
    node.signature = wst_str_of("latents: f32[1,4,H,W], model: model? -> image: u8[h,w,3], pixels: f32[h,w,3]");
    node.run = linear;
    if (engine_failed(&engine) || failed(wst_engine_add(engine, &node)) ||
        failed(wst_graph_new_with(engine, text_of(SHIPPED, yaml, sizeof(yaml)), &change, 1, &graph)) ||
        failed(wst_job_new(graph, &job)) || set_failed(job, "prompt", "a red apple, twemoji style") ||
        failed(wst_job_get(job, wst_str_of("image"), NULL, &value)) || failed(wst_value_as_tensor(value, &image)))
        return 1;
    printf("picture without the VQGAN: %dx%d\n", (int)image.shape[1], (int)image.shape[0]);
    wst_value_free(value);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return 0;
}
