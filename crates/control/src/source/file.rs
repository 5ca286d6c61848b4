//! One file: its ending says the format, and each format gives a value with places or all that is wrong with it.

use serde_json::Value;

use super::places::{Spot, place, top};
use super::{toml, tree};
use crate::wire::{File, Mistake};

/// What a file says, and where.
pub(super) struct Read {
    pub(super) value: Value,
    pub(super) places: Vec<(String, Spot)>,
}

/// A mistake of syntax.
pub(super) struct Syntax {
    pub(super) spot: Option<Spot>,
    pub(super) message: String,
}

/// A format of documents.
#[derive(Clone, Copy)]
pub(super) enum Format {
    Toml,
    Json,
    Yaml,
}

impl Format {
    /// The format that a file's ending says.
    pub(super) fn of(name: &str) -> Result<Self, Vec<Mistake>> {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("toml") => Ok(Self::Toml),
            Some("json") => Ok(Self::Json),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            _ => Err(vec![Mistake {
                place: Some(name.to_owned()),
                path: String::new(),
                message: "the ending of the name says no format; rename it to `.toml`, `.json`, `.yaml` or `.yml`"
                    .to_owned(),
            }]),
        }
    }
}

/// Reads a file, or says what is wrong with its syntax.
pub(super) fn read(format: Format, file: &File) -> Result<Read, Vec<Mistake>> {
    let read = match format {
        Format::Toml => toml::read(&file.text),
        Format::Json => tree::read_json(&file.text),
        Format::Yaml => tree::read_yaml(&file.text),
    };
    read.map_err(|all| {
        all.into_iter()
            .map(|syntax| Mistake {
                place: Some(syntax.spot.map_or_else(|| top(&file.name), |spot| place(&file.name, spot))),
                path: String::new(),
                message: syntax.message,
            })
            .collect()
    })
}
