// replace_stage.cpp: a stage replaced by a node of your own: Stage A without a network, a map from latents to colours.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "wuerst.hpp"

// Each colour is a weighted sum of the four channels of the latents; the picture is four times as large.
static wuerst::Result<wuerst::Done> linear(wuerst::Call &call)
{
    static const float weights[3][4] = {
        {.22f, .09f, -.05f, .13f}, {.2f, -.06f, .12f, -.04f}, {.18f, .03f, -.14f, -.1f}};
    wuerst::Value argument = call.argument(0).value();
    wst_tensor latents = argument.tensor().value();
    const auto *data = static_cast<const float *>(latents.data);
    const std::int64_t rows = latents.shape[2], columns = latents.shape[3];
    std::vector<float> pixels;
    std::vector<std::uint8_t> bytes;
    for (std::int64_t y = 0; y < rows * 4; y++)
        for (std::int64_t x = 0; x < columns * 4; x++)
            for (const auto &weight : weights) {
                float sum = .5f;
                for (std::int64_t channel = 0; channel < 4; channel++)
                    sum += weight[channel] * data[(channel * rows + y / 4) * columns + x / 4];
                pixels.push_back(std::clamp(sum, 0.f, 1.f));
                bytes.push_back(static_cast<std::uint8_t>(pixels.back() * 255.f + .5f));
            }
    const std::vector<std::int64_t> shape = {rows * 4, columns * 4, 3};
    call.result(0, wuerst::Value::tensor(bytes, shape).value()).value();
    return call.result(1, wuerst::Value::tensor(pixels, shape).value());
}

int main()
try {
    wuerst::Options options;
    options.models = "models/icons";
    auto engine = wuerst::Engine::make(options).value();
    wuerst::NodeKind node;
    node.kind = "example.linear";
    // The ports of the built-in node.
    node.signature = "latents: f32[1,4,H,W], model: model? -> image: u8[h,w,3], pixels: f32[h,w,3]";
    node.run = linear;
    engine.add(node).value();

    std::ifstream file("graphs/text-to-image.yaml");
    const std::string yaml{std::istreambuf_iterator<char>(file), {}};
    auto job = engine.graph(yaml, {{"vqgan", "example.linear"}}).value().job().value();
    job.set("prompt", "a red apple, twemoji style").value();
    wuerst::Value value = job.get("image").value();
    wst_tensor image = value.tensor().value();
    std::cout << "picture without the VQGAN: " << image.shape[1] << 'x' << image.shape[0] << '\n';
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
