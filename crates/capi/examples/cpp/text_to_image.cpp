// text_to_image.cpp: a picture from a prompt.   text_to_image [PROMPT [PICTURE.ppm]]
//
// Runs from a folder with models/icons and graphs: the repository, or share/wuerst of an installed tree.
#include <fstream>
#include <iostream>

#include "wuerst.hpp"

int main(int argc, char **argv)
try {
    const std::string prompt = argc > 1 ? argv[1] : "a red apple, twemoji style";
    const std::string path = argc > 2 ? argv[2] : "apple.ppm";

    wuerst::Options options;
    options.models = "models/icons";
    auto engine = wuerst::Engine::make(options).value();
    auto job = engine.open("graphs/text-to-image.yaml").value().job().value();
    job.set("prompt", prompt).value();
    job.set("seed", 7).value();

    wuerst::Value image = job.get("image").value();
    wst_tensor rgb = image.tensor().value();  // u8 [height, width, 3]
    std::ofstream file(path, std::ios::binary);
    file << "P6\n" << rgb.shape[1] << ' ' << rgb.shape[0] << "\n255\n";
    file.write(static_cast<const char *>(rgb.data), static_cast<std::streamsize>(rgb.shape[0] * rgb.shape[1] * 3));
    if (!file.flush())
        throw std::runtime_error(path + " cannot be written");
    std::cout << path << ": " << rgb.shape[1] << 'x' << rgb.shape[0] << '\n';
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
