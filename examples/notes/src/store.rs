//! A tenant's notes in SQL. Whose they are is not said here: the file has one owner.

use partywall_kit::sqlite::rusqlite::{OptionalExtension, Row, params};
use partywall_kit::sqlite::{Error, TenantDb};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

pub(crate) const MIGRATIONS: &[&str] = &["
    CREATE TABLE note (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- order, and the cursor of a listing
        id     TEXT NOT NULL UNIQUE,
        author TEXT NOT NULL,
        text   TEXT NOT NULL
    ) STRICT;
"];

/// Characters of a note that a listing shows.
const FIRST_LINE_MAX: u32 = 80;

/// One tenant's notes.
pub(crate) struct Store(pub(crate) TenantDb);

/// A note in a listing.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Summary {
    pub(crate) id: String,
    /// The first line, at most 80 characters of it.
    pub(crate) first_line: String,
    /// Who added it: the subject of the caller's token.
    pub(crate) author: String,
}

/// A part of a listing, newest first.
pub(crate) struct Page {
    pub(crate) notes: Vec<Summary>,
    /// Where the next part begins, if there is one.
    pub(crate) next: Option<u32>,
}

impl Store {
    /// Keeps a note; its id is random, so that it tells nothing of other notes.
    pub(crate) async fn add(&self, text: String, author: String) -> Result<String, Error> {
        let id = Uuid::new_v4().simple().to_string();
        let key = id.clone();
        let insert = "INSERT INTO note (id, author, text) VALUES (?1, ?2, ?3)";
        self.0.run(move |sql| sql.prepare_cached(insert)?.execute(params![key, author, text])).await?;
        Ok(id)
    }

    /// The newest notes that contain `query`, at most `max`, and how many there are. The empty text is in every note.
    pub(crate) async fn find(&self, query: String, max: u32) -> Result<(Vec<Summary>, u64), Error> {
        let count = "SELECT count(*) FROM note WHERE instr(lower(text), lower(?1))";
        let select = "SELECT id, substr(text, 1, ?3), author FROM note
            WHERE instr(lower(text), lower(?1)) ORDER BY number DESC LIMIT ?2";
        let work = move |sql: &mut partywall_kit::sqlite::rusqlite::Connection| {
            let total = sql.prepare_cached(count)?.query_row([&query], |row| row.get(0))?;
            let mut select = sql.prepare_cached(select)?;
            let notes = select.query_map(params![query, max, FIRST_LINE_MAX], summary)?.collect::<Result<_, _>>()?;
            Ok((notes, total))
        };
        self.0.run(work).await
    }

    /// At most `max` notes, newest first, from behind the note of number `after`.
    pub(crate) async fn page(&self, after: Option<u32>, max: u32) -> Result<Page, Error> {
        let select = "SELECT id, substr(text, 1, ?3), author, number FROM note
            WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
        let after = after.map_or(i64::MAX, i64::from);
        let one_more = max + 1; // tells whether there is a next page
        let numbered = |row: &Row<'_>| Ok((summary(row)?, row.get::<_, u32>(3)?));
        let work = move |sql: &mut partywall_kit::sqlite::rusqlite::Connection| {
            let mut select = sql.prepare_cached(select)?;
            select.query_map(params![after, one_more, FIRST_LINE_MAX], numbered)?.collect::<Result<Vec<_>, _>>()
        };
        let mut rows = self.0.run(work).await?;
        let more = rows.len() > max as usize;
        rows.truncate(max as usize);
        let next = rows.last().filter(|_| more).map(|(_, number)| *number);
        Ok(Page { notes: rows.into_iter().map(|(note, _)| note).collect(), next })
    }

    /// The note's text, if there is such a note.
    pub(crate) async fn read(&self, id: String) -> Result<Option<String>, Error> {
        let select = "SELECT text FROM note WHERE id = ?1";
        self.0.run(move |sql| sql.prepare_cached(select)?.query_row([id], |row| row.get(0)).optional()).await
    }

    /// Deletes the note; false if there is no such note.
    pub(crate) async fn delete(&self, id: String) -> Result<bool, Error> {
        let delete = "DELETE FROM note WHERE id = ?1";
        Ok(self.0.run(move |sql| sql.prepare_cached(delete)?.execute([id])).await? > 0)
    }
}

fn summary(row: &Row<'_>) -> partywall_kit::sqlite::rusqlite::Result<Summary> {
    let start: String = row.get(1)?;
    let first_line = start.lines().next().unwrap_or_default().to_owned();
    Ok(Summary { id: row.get(0)?, first_line, author: row.get(2)? })
}
