//! Where in which file a path is written.

use std::collections::HashMap;
use std::sync::Arc;

/// A line and a column, from 1, the column in characters: what editors jump to.
pub(crate) type Spot = (usize, usize);

/// Paths and where they are written.
#[derive(Default)]
pub(super) struct Places(HashMap<String, (Arc<str>, Spot)>);

impl Places {
    /// The places of one file.
    pub(super) fn of(file: &str, spots: Vec<(String, Spot)>) -> Self {
        let file: Arc<str> = file.into();
        Self(spots.into_iter().map(|(path, spot)| (path, (Arc::clone(&file), spot))).collect())
    }

    /// Where exactly this is written.
    pub(super) fn find_exact(&self, path: &str) -> Option<String> {
        self.0.get(path).map(|(file, spot)| place(file, *spot))
    }

    /// Where this is written, or else the nearest thing that it would be part of, up to its document: what is wrong
    /// in a document that is in no file has no place in one.
    pub(super) fn find(&self, path: &str) -> Option<String> {
        let parents = std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(parent, _)| parent));
        parents.filter(|part| *part == path || part.contains('.')).find_map(|part| self.find_exact(part))
    }

    /// Adds the places of another file. What both write, such as the table `tenant`, keeps its first place.
    pub(super) fn take(&mut self, other: Self) {
        for (path, spot) in other.0 {
            self.0.entry(path).or_insert(spot);
        }
    }
}

/// The top of a file: the place of what is missing in it.
pub(super) fn top(file: &str) -> String {
    place(file, (1, 1))
}

/// A place as it is printed, and as terminals and editors make links of.
pub(super) fn place(file: &str, (line, column): Spot) -> String {
    format!("{file}:{line}:{column}")
}
