// host-cpp.cpp: a prompt becomes a picture, in C++.   host MODELS GRAPH PROMPT SEED PICTURE.ppm
//
//   c++ -std=c++17 -Iinclude examples/host-cpp.cpp -Ltarget/release -lwuerst -o host
#include <cstdio>
#include <fstream>

#include "wuerst.hpp"

static int failed(const wuerst::Error &error)
{
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    wuerst::Options options;
    options.models = wuerst::str(argv[1]);
    auto engine = wuerst::Engine::make(options);
    if (!engine)
        return failed(engine.error());
    auto graph = engine.value().open(argv[2]);
    if (!graph)
        return failed(graph.error());
    auto job = graph.value().job();
    if (!job)
        return failed(job.error());
    if (auto set = job.value().set("prompt", argv[3]); !set)
        return failed(set.error());
    if (auto set = job.value().set_text("seed", argv[4]); !set)
        return failed(set.error());
    auto image = job.value().get("image");
    if (!image)
        return failed(image.error());
    wst_tensor rgb = image.value().tensor().value();
    std::ofstream file(argv[5], std::ios::binary);
    file << "P6\n" << rgb.shape[1] << ' ' << rgb.shape[0] << "\n255\n";
    file.write(static_cast<const char *>(rgb.data), static_cast<std::streamsize>(rgb.shape[0] * rgb.shape[1] * 3));
    return file.flush() ? 0 : 1;
}
