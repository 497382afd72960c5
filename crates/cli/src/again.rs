//! Reproduces a picture from its recipe, and compares models and files with those of the recipe.
//!
//! A picture may come from a stranger, so names in it resolve as in a graph: files next to it or in a folder that the
//! user allows, and models in the models folder. The user may name any file with `--set`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result, anyhow, bail};
use wuerst::core::{CancellationToken, File, Files, Ty, stays_inside};
use wuerst::{Change, Engine, Graph, Value};

use crate::find::folder_of;
use crate::pairs::Texts;
use crate::recipe::Recipe;
use crate::say::warn;
use crate::used::{Found, Used, base, digests};

/// A picture to reproduce.
pub(crate) struct Again<'a> {
    recipe: &'a Recipe,
    picture: &'a Path,
    /// Folders of the files that it names.
    folders: Vec<PathBuf>,
    /// Inputs, arguments and nodes set by the user now.
    own: BTreeSet<&'a str>,
}

impl<'a> Again<'a> {
    /// A picture with its recipe; `allowed` is a folder in addition to its own, `own` lists what the user sets now.
    pub(crate) fn new(
        recipe: &'a Recipe,
        picture: &'a Path,
        allowed: Option<&Path>,
        own: impl IntoIterator<Item = &'a str>,
    ) -> Again<'a> {
        let folders = folder_of(picture).into_iter().chain(allowed.map(Path::to_owned)).collect();
        Again { recipe, picture, folders, own: own.into_iter().collect() }
    }

    /// A change to the graph, the user's or the picture's.
    pub(crate) fn change<'c>(&self, (name, text): (&'c str, &'c str)) -> Change<'c> {
        match Change::from((name, text)) {
            Change::Text(name, text) if !self.own.contains(name) => Change::Written(name, text),
            change => change,
        }
    }

    /// Adds advice to errors about missing files.
    pub(crate) fn explained(&self, error: Error) -> Error {
        let message = error.to_string();
        if !message.contains("no file `") {
            return error;
        }
        let picture = self.picture.display();
        anyhow!("{message}\nfiles that {picture} names lie next to it: give others with --set NODE.PORT=FILE")
    }

    /// Models and files that the picture names for inputs.
    pub(crate) fn values(&self, engine: &Engine, graph: &Graph) -> Result<Found> {
        let mut found = Found::new();
        for port in graph.inputs() {
            let name = port.name.as_str();
            let Some(text) = self.recipe.inputs.get(name).filter(|_| !self.own.contains(name)) else {
                continue;
            };
            let value = match port.ty {
                Ty::Model => match engine.registry().models().open(text) {
                    Ok(model) => Value::Model(model),
                    Err(error) => bail!("`{name}`: {error}; name one with --set {name}=FILE"),
                },
                Ty::File | Ty::Tensor { .. } => Value::File(self.file(name, text)?),
                _ => continue,
            };
            found.insert(name.to_owned(), value);
        }
        Ok(found)
    }

    /// The file that the picture names for an input. If several files have the name, the one with the recorded content.
    fn file(&self, input: &str, text: &str) -> Result<File> {
        // Pictures of earlier versions contain paths.
        let name = if stays_inside(text) { text } else { base(text) };
        let mut found: Vec<File> =
            self.folders.iter().filter_map(|folder| Files::in_folder(folder).open(name).ok()).collect();
        let wanted = self.wanted(input, base(name));
        let right = |file: &File| {
            let digest = file.identify(&CancellationToken::new()).map(|digest| digest.to_string());
            digest.is_ok_and(|digest| wanted.is_some_and(|wanted| wanted.contains(&digest)))
        };
        let at = found.iter().position(right).unwrap_or(0);
        if at < found.len() {
            return Ok(found.swap_remove(at));
        }
        let folders: Vec<String> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
        bail!(
            "`{input}`: {} was made with the file `{name}`, which is not in {}: name it with --set {input}=FILE, or its \
             folder with --files FOLDER",
            self.picture.display(),
            folders.join(" or ")
        )
    }

    /// Checks that the stages which had LoRAs have some now; `now` are those of options and settings.
    ///
    /// # Errors
    /// A stage without a LoRA, with the option to give.
    pub(crate) fn check_loras(&self, now: &Texts) -> Result<()> {
        match self.recipe.loras.iter().find(|(stage, _)| !now.contains_key(*stage)) {
            Some((stage, loras)) => bail!(
                "{} was made with a LoRA of `{stage}`, {loras}: give it again, as --lora '{stage}=FILE{{strength=…}}'",
                self.picture.display()
            ),
            None => Ok(()),
        }
    }

    /// Recorded digest of a file; several digests separated by blanks if the picture does not distinguish them.
    fn wanted(&self, place: &str, shown: &str) -> Option<&str> {
        let earlier = || self.recipe.files.get(self.recipe.inputs.get(place)?);
        let wanted = self.recipe.digests.get(place).or_else(|| self.recipe.files.get(shown)).or_else(earlier);
        wanted.map(String::as_str)
    }

    /// Compares present models and files with the recorded ones. A changed model is a warning.
    ///
    /// # Errors
    /// A file has changed, and the user did not name it.
    pub(crate) fn compare(&self, used: &[Used]) -> Result<()> {
        for file in used.iter().filter(|used| used.is_file && !self.is_own(&used.place)) {
            let Used { place, shown, .. } = file;
            match self.wanted(place, shown) {
                Some(wanted) if wanted.contains(&file.digest) => {}
                Some(_) => bail!(
                    "`{place}`: the file `{shown}` is not the one that {} was made with: give that one, or another, with \
                     --set {place}=FILE",
                    self.picture.display()
                ),
                None => warn(format_args!(
                    "{} does not record the content of the file `{shown}`, so this one may differ",
                    self.picture.display()
                )),
            }
        }
        self.changed_models(used).for_each(|name| {
            warn(format_args!("`{name}` has changed since the picture was made, so this one may differ"));
        });
        Ok(())
    }

    /// Whether the user has set an input or argument, or changed a node's kind.
    fn is_own(&self, place: &str) -> bool {
        let within = |own: &&str| {
            place.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
        };
        self.own.iter().any(within)
    }

    /// Models, and files that belong to them, that have changed.
    fn changed_models(&self, used: &[Used]) -> impl Iterator<Item = &'a str> {
        let now = digests(used.iter().filter(|used| !used.is_file));
        let texts = || self.recipe.inputs.values().chain(self.recipe.changes.values());
        let files: BTreeSet<&str> =
            used.iter().filter(|used| used.is_file).map(|used| &*used.shown).collect();
        let is_file = |name: &str, digest: &str| {
            let known = self.recipe.digests.values().any(|known| digest.contains(known.as_str()));
            known || files.contains(base(name)) || texts().any(|text| text == name && base(name) != name)
        };
        let changed = self
            .recipe
            .files
            .iter()
            .filter(move |(name, digest)| now.get(*name) != Some(*digest) && !is_file(name, digest));
        changed.map(|(name, _)| name.as_str()).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(place: &str, name: &str, digest: &str, is_file: bool) -> Used {
        let [place, name, digest] = [place, name, digest].map(str::to_owned);
        Used { place, shown: base(&name).to_owned(), name, digest, is_file }
    }

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn changed_files_are_refused() {
        let before = [used("image", "/a/face.png", "01", true), used("prior.model", "prior", "02", false)];
        let inputs = texts(&[("image", "/a/face.png")]);
        let recipe = Recipe::new("", inputs, Texts::new(), &before);
        let compare = |own: &[&'static str], now: &[Used]| {
            let again = Again::new(&recipe, Path::new("a.png"), None, own.iter().copied());
            let changed: Vec<String> = again.changed_models(now).map(str::to_owned).collect();
            (again.compare(now).map_err(|error| error.to_string()), changed)
        };
        assert_eq!(compare(&[], &before), (Ok(()), vec![]));
        let now = [used("image", "face.png", "03", true), used("prior.model", "prior", "04", false)];
        let (said, changed) = compare(&[], &now);
        assert!(said.unwrap_err().contains("`image`: the file `face.png`"));
        assert_eq!(changed, ["prior"]);
        assert_eq!(compare(&["image"], &now).0, Ok(()), "the user's own");
    }

    #[test]
    fn files_of_equal_name_are_distinguished() {
        let before = [used("a", "x/face.png", "01", true), used("b", "y/face.png", "02", true)];
        let inputs = texts(&[("a", "x/face.png"), ("b", "y/face.png")]);
        let recipe = Recipe::new("", inputs, Texts::new(), &before);
        let again = Again::new(&recipe, Path::new("a.png"), None, []);
        assert!(again.compare(&before).is_ok());
        let same = [used("a", "face.png", "01", true), used("b", "face.png", "01", true)];
        assert!(again.compare(&same).unwrap_err().to_string().contains("--set b=FILE"));
    }

    #[test]
    fn earlier_pictures_hold_paths() {
        let recipe = Recipe {
            inputs: texts(&[("image", "/a/face.png")]),
            files: texts(&[("/a/face.png", "01"), ("prior", "02")]),
            ..Recipe::default()
        };
        let again = Again::new(&recipe, Path::new("a.png"), None, []);
        let now = |digest| [used("image", "face.png", digest, true), used("p.model", "prior", "02", false)];
        assert!(again.compare(&now("01")).is_ok() && again.compare(&now("03")).is_err());
        assert_eq!(again.changed_models(&now("01")).count(), 0);
    }
}
