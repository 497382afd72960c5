// own_node.cpp: a node of your own, behind a graph that ships: it turns colours into their complements.
#include <iostream>

#include "wuerst.hpp"

static wuerst::Result<wuerst::Done> negative(wuerst::Call &call)
{
    wuerst::Value image = call.argument(0).value();
    wst_tensor shown = image.tensor().value();
    std::vector<std::uint8_t> bytes = image.read<std::uint8_t>().value();
    for (std::uint8_t &byte : bytes)
        byte = static_cast<std::uint8_t>(255 - byte);
    return call.result(0, wuerst::Value::tensor(bytes, {shown.shape, shown.shape + shown.rank}).value());
}

int main()
try {
    wuerst::Options options;
    options.models = "models/icons";
    auto engine = wuerst::Engine::make(options).value();
    wuerst::NodeKind node;
    node.kind = "example.negative";
    node.signature = "image: u8[h,w,3] -> image: u8[h,w,3]";
    node.run = negative;
    engine.add(node).value();

    // The graph that ships is a node of this one.
    engine.open_graph("example.text_to_image", "graphs/text-to-image.yaml").value();
    auto graph = engine.graph(R"(
        wuerstchen: 1
        inputs: { prompt: text }
        nodes:
          picture: { use: example.text_to_image, with: { prompt: $prompt } }
          negative: { use: example.negative, with: { image: $picture.image } }
        outputs: { image: $picture.image, negative: $negative.image }
    )").value();
    auto job = graph.job().value();
    job.set("prompt", "a red apple, twemoji style").value();

    // One run gives both; the picture is computed once.
    std::vector<wuerst::Value> values = job.get_all({"image", "negative"}).value();
    wst_tensor image = values[0].tensor().value();
    std::cout << "picture " << image.shape[1] << 'x' << image.shape[0] << " begins with "
              << int(values[0].read<std::uint8_t>().value()[0]) << ", its negative with "
              << int(values[1].read<std::uint8_t>().value()[0]) << '\n';
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
