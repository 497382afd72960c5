//! Choices in prompts (`{a|b}`, `__list__`), and tensors as values of inputs.

use std::fs;

use anyhow::Result;
use ndarray::Array;
use wuerst_tests::built::tiny;

use crate::{stdout, wuerst};

#[test]
fn seeds_choose_words_which_the_recipe_keeps() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(folder.path().join("lists"))?;
    fs::write(folder.path().join("lists/fruit.txt"), "# sour\nlemon\nlime\n\n# sweet\n{ripe|dried} fig\n")?;
    let steps = ["--steps", "1", "--set", "decoder_steps=1"];
    let prompt = "a {red|green|blue} __fruit__, \\{as it is\\}";
    let out = path("a.png");
    let make = |more: &[&str]| -> Result<String> {
        stdout(wuerst(
            &tiny(),
            &[&["generate", prompt, "-o", &out, "--seed", "5"][..], &steps, more].concat(),
        )?)
    };
    let lists = path("lists");
    let said = make(&["--count", "4", "--wildcards", &lists])?;
    let chosen: Vec<&str> =
        said.lines().filter_map(|line| line.split_once(", prompt \"")).map(|(_, prompt)| prompt).collect();
    assert_eq!(chosen.len(), 4, "{said}");
    assert!(
        chosen.iter().all(|prompt| prompt.ends_with(", {as it is}\"") && !prompt.contains("__")),
        "{said}"
    );
    assert!(chosen.iter().any(|prompt| *prompt != chosen[0]), "{said}");
    assert_eq!(
        make(&["--count", "4", "--wildcards", &lists])?.matches(chosen[2]).count(),
        said.matches(chosen[2]).count()
    );

    // The recipe needs no lists.
    fs::remove_dir_all(folder.path().join("lists"))?;
    let (picture, again) = (path("a-0003.png"), path("again.png"));
    stdout(wuerst(&tiny(), &["run", "--from", &picture, "-o", &format!("image={again}")])?)?;
    assert_eq!(image::open(&picture)?, image::open(&again)?);
    let texts = wuerst::stages::png_texts(std::io::BufReader::new(fs::File::open(&picture)?), &["inputs"])?;
    assert!(texts["inputs"].contains(chosen[2].trim_end_matches('"')), "{texts:?}");

    for (prompt, want) in
        [("a {red|green", "a brace is never closed, at `{red|green`"), ("a __fruit__", "--wildcards FOLDER")]
    {
        let refused = wuerst(&tiny(), &[&["generate", prompt, "-o", &out][..], &steps].concat())?.output()?;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(want), "{said}");
    }
    Ok(())
}

#[test]
fn tensors_are_set_by_npy_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(
        folder.path().join("graph.yaml"),
        "wuerstchen: 1\ninputs: { mask: 'f32[h,w]', list: 'f32[n]?' }\nnodes:\n  \
         rest: { use: mask.invert, with: { mask: $mask } }\noutputs: { image: $rest.mask, list: $list }\n",
    )?;
    let mask = Array::from_shape_fn((4, 6), |(y, x)| (y * 6 + x) as f32 / 23.);
    ndarray_npy::write_npy(folder.path().join("mask.npy"), &mask)?;
    ndarray_npy::write_npy(folder.path().join("list.npy"), &Array::from_vec(vec![1f32, 2.5]))?;
    ndarray_npy::write_npy(folder.path().join("ints.npy"), &Array::from_vec(vec![1i64, 2]))?;
    let (graph, image, again) = (path("graph.yaml"), path("a.png"), path("b.png"));
    let set = |name: &str, file: &str| format!("{name}={}", path(file));
    let run = |sets: &[&str], output: &str| -> Result<std::process::Output> {
        let sets = sets.iter().flat_map(|set| ["--set", *set]);
        let args: Vec<&str> = ["run", &graph].into_iter().chain(sets).chain(["-o", output]).collect();
        Ok(wuerst(&tiny(), &args)?.output()?)
    };
    let to_image = format!("image={image}");
    let done = run(&[&set("mask", "mask.npy")], &to_image)?;
    assert!(done.status.success(), "{done:?}");
    let want = image::open(&image)?.to_rgb8();
    assert_eq!(
        (want.dimensions(), want.get_pixel(0, 0).0, want.get_pixel(5, 3).0),
        ((6, 4), [255; 3], [0; 3])
    );
    let list = format!("list={}", path("list.txt"));
    let done =
        run(&[&set("mask", "mask.npy"), &set("list", "list.npy")], &format!("list={}", path("out.npy")))?;
    assert!(done.status.success(), "{done:?}");
    let list_again: ndarray::Array1<f32> = ndarray_npy::read_npy(folder.path().join("out.npy"))?;
    assert_eq!(list_again.to_vec(), [1., 2.5]);

    // The recipe names the file, which lies next to the picture.
    let done = wuerst(&tiny(), &["run", "--from", &image, "-o", &format!("image={again}")])?.output()?;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(image::open(&again)?.to_rgb8(), want);
    ndarray_npy::write_npy(folder.path().join("mask.npy"), &mask.mapv(|value| 1. - value))?;
    let refused = wuerst(&tiny(), &["run", "--from", &image, "-o", &format!("image={again}")])?.output()?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("the file `mask.npy` is not the one"), "{said}");

    for (set, want) in [
        (set("mask", "list.npy"), "f32[h,w]"),
        (set("mask", "ints.npy"), "f32 or f64 is expected"),
        (set("mask", "graph.yaml"), "is not a NumPy file"),
        (set("mask", "none.npy"), "none.npy"),
        ("mask=1".to_owned(), "mask"),
    ] {
        let refused = run(&[&set], &list)?;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(want), "{set}: {said}");
    }
    Ok(())
}
