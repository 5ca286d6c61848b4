//! From files to documents, with the place of everything, so that a mistake is reported where it was made.
//!
//! It reads text and knows the two levels on top, `[tenant.acme]`. What stands below them is for the documents' own
//! readers: they report paths, and [`Source::locate`] turns those into places.

mod file;
mod places;
mod toml;
mod tree;

use std::collections::BTreeMap;

use partywall_documents::Kind;
use serde_json::Value;

use crate::wire::{File, Mistake};
use file::{Format, Read, read};
use places::Places;

/// The version of the documents' schema that this reads.
const VERSION: u64 = 1;

/// One file that is no document, such as settings: its value, and where everything in it stands.
pub struct Located {
    /// What it says.
    pub value: Value,
    file: String,
    places: Places,
}

impl Located {
    /// Reads a file in the format that its ending says. The error is every mistake of syntax.
    pub fn read(file: &File) -> Result<Self, Vec<Mistake>> {
        let parsed = read(Format::of(&file.name)?, file)?;
        Ok(Self { value: parsed.value, file: file.name.clone(), places: Places::of(&file.name, parsed.places) })
    }

    /// A mistake with its place: where the path is written, or else the top of the file.
    pub fn locate(&self, mistake: partywall_documents::Mistake) -> Mistake {
        let path = mistake.path.trim_start_matches('.').to_owned();
        let place = self.places.find(&path).unwrap_or_else(|| places::top(&self.file));
        Mistake { place: Some(place), path, message: mistake.message }
    }
}

/// What files say.
#[derive(Default)]
pub(crate) struct Source {
    documents: BTreeMap<(Kind, String), Value>,
    places: Places,
    mistakes: Vec<Mistake>,
}

impl Source {
    /// Reads files. The error is every mistake of syntax, in all of them: documents that refer to what could not be
    /// read would be blamed for nothing.
    pub(crate) fn read(files: &[File]) -> Result<Self, Vec<Mistake>> {
        let mut source = Self::default();
        let mut broken = Vec::new();
        for file in files {
            let parsed = Format::of(&file.name).and_then(|format| read(format, file));
            match parsed {
                Ok(parsed) => source.add(&file.name, parsed),
                Err(mistakes) => broken.extend(mistakes),
            }
        }
        if broken.is_empty() { Ok(source) } else { Err(broken) }
    }

    /// The documents, by kind and name.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (Kind, &str, &Value)> {
        self.documents.iter().map(|((kind, name), body)| (*kind, name.as_str(), body))
    }

    /// What is wrong on the two levels on top.
    pub(crate) fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// A mistake with its place: where the path is written, or else what it is part of.
    pub(crate) fn locate(&self, mistake: partywall_documents::Mistake) -> Mistake {
        Mistake { place: self.places.find(&mistake.path), path: mistake.path, message: mistake.message }
    }

    fn add(&mut self, file: &str, read: Read) {
        let places = Places::of(file, read.places);
        let wrong = |path: &str, message: String| Mistake {
            place: Some(places.find(path).unwrap_or_else(|| places::top(file))),
            path: path.to_owned(),
            message,
        };
        let Value::Object(mut top) = read.value else {
            self.mistakes.push(wrong("", "tables are expected here, for example `[tenant.acme]`".to_owned()));
            return;
        };
        self.mistakes.extend(check_version(top.remove("version").as_ref()).map(|why| wrong("version", why)));
        for (word, value) in top {
            match (Kind::of(&word), value) {
                (Some(kind), Value::Object(named)) => {
                    for (name, body) in named {
                        let path = format!("{kind}.{name}");
                        if let Some(other) = self.places.find_exact(&path) {
                            let message = format!("`{path}` also stands at {other}; keep one of the two");
                            self.mistakes.push(wrong(&path, message));
                        }
                        self.documents.insert((kind, name), body);
                    }
                }
                (Some(kind), _) => {
                    let message = format!("a table for each {kind} is expected here, for example `[{kind}.NAME]`");
                    self.mistakes.push(wrong(&word, message));
                }
                (None, _) => self.mistakes.push(wrong(&word, unknown(&word))),
            }
        }
        self.places.take(places);
    }
}

fn check_version(version: Option<&Value>) -> Option<String> {
    match version {
        Some(version) if version.as_u64() == Some(VERSION) => None,
        Some(other) => Some(format!("version {other} of documents is not known here; known: `version = {VERSION}`")),
        None => Some(format!("`version` is missing; write `version = {VERSION}` at the top of the file")),
    }
}

fn unknown(word: &str) -> String {
    let known: Vec<_> = Kind::ALL.iter().map(|kind| format!("`{kind}`")).collect();
    format!("unknown table `{word}`; known here: `version`, {}", known.join(", "))
}

#[cfg(test)]
mod tests;
