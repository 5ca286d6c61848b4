//! The schema's steps: numbered files, each taken once, in order, in one transaction.
//!
//! Each step's text is kept beside its number, so that a step that was edited after it was taken is noticed. There is
//! no way back: an older binary refuses a newer database.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// The schema, step by step. Only ever appended to.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_configuration.sql"),
    include_str!("../migrations/0002_changes.sql"),
    include_str!("../migrations/0003_secrets.sql"),
];

/// Takes the steps that this database has not taken.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let taken: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if taken > known {
        return Err(StoreError::Newer { found: taken, known });
    }
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_step (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
    )?;
    for (number, step) in (1..).zip(STEPS) {
        if number <= taken {
            check(&transaction, number, step)?;
        } else {
            transaction.execute_batch(step)?;
            transaction.execute("INSERT INTO schema_step (number, text) VALUES (?1, ?2)", (number, step))?;
        }
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

fn check(connection: &Connection, number: u32, step: &str) -> Result<(), StoreError> {
    let same = connection.query_row(
        "SELECT count(*) FROM schema_step WHERE number = ?1 AND text = ?2",
        (number, step),
        |row| row.get::<_, u32>(0),
    )?;
    if same == 1 { Ok(()) } else { Err(StoreError::Altered(number)) }
}
